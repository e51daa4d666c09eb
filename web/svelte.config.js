import { vitePreprocess } from "@sveltejs/vite-plugin-svelte";

export default { preprocess: vitePreprocess(),
  // Names of classes depend on what they say, not on where the sources lie.
  compilerOptions: { cssHash: ({ hash, css }) => `s${hash(css)}` },
};
