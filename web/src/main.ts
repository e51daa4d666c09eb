import { mount } from "svelte";
import App from "./App.svelte";
import { app } from "./lib/app.svelte";
import { doors } from "./lib/doors";
import "./style.css";

try {
  const theme = localStorage.getItem("theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // A browser that stores nothing follows the system.
}

const target = document.getElementById("app");
if (target) mount(App, { target });
void app.start(doors[0].file);
