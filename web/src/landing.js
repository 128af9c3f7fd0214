/** The landing page: the list of consoles, where the gateway gives one (`open` mode). */

const response = await fetch(new URL("../consoles", import.meta.url), { cache: "no-store" }).catch(() => null);
const { consoles = [] } = response?.ok ? await response.json() : {};

for (const name of consoles) {
  const link = document.createElement("a");
  link.href = new URL(`../console/${name.split("/").map(encodeURIComponent).join("/")}`, import.meta.url);
  const [provider, instance] = name.split("/");
  const label = document.createElement("b");
  label.textContent = instance;
  link.append(label, provider);
  const item = document.createElement("li");
  item.append(link);
  document.getElementById("consoles").append(item);
}
document.getElementById("list").hidden = consoles.length === 0;
document.getElementById("hint").hidden = consoles.length > 0;
