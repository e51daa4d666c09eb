// The page is static: relative addresses, so that it can be served from anywhere, and nothing inlined, so that a strict
// content security policy can name its few files.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";

/** A smaller copy beside each file, for servers that send those. */
function brotli(): Plugin {
  let out = "";
  return {
    name: "brotli",
    apply: "build",
    configResolved: (config) => {
      out = config.build.outDir;
    },
    async closeBundle() {
      for (const name of await readdir(out, { recursive: true })) {
        if (/\.(js|css|html|wasm)$/.test(name)) await writeFile(join(out, `${name}.br`), brotliCompressSync(await readFile(join(out, name))));
      }
    },
  };
}

export default defineConfig({
  base: "./",
  plugins: [svelte(), brotli()],
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
