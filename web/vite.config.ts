// The page is static: relative addresses, so that it can be served from anywhere, and nothing inlined, so that a strict
// content security policy can name its few files.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  plugins: [svelte()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
    rolldownOptions: {
      // The engine keeps its name: its bytes belong to the compiler, all others to the sources alone.
      output: { assetFileNames: ({ names }) => (names[0]?.endsWith(".wasm") ? "engine.wasm" : "assets/[name]-[hash][extname]") },
    },
    license: { fileName: "licenses.md" },
  },
  worker: { format: "es" },
  server: { fs: { allow: [".."] } },
});
