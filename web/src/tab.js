/**
 * What client.js needs of the browser's tab: the ticket in its address, its storage, and whether anybody sees it.
 */

export const STORAGE_PREFIX = "vnc-gateway:resume:";

/** Take `#ticket=…` out of the address, so that no history, bookmark or screenshot has it; null without one. */
export function takeTicket() {
  const found = /[#&]ticket=([^&]*)/.exec(location.hash);
  if (!found) return null;
  history.replaceState(history.state, "", location.pathname + location.search);
  return decodeURIComponent(found[1]);
}

/** Resolves once somebody looks at the page: a page that is only prerendered must not use up its ticket. */
export function activated() {
  if (!document.prerendering) return Promise.resolve();
  return new Promise((resolve) => document.addEventListener("prerenderingchange", resolve, { once: true }));
}

/** The tab's own storage; memory where the browser refuses it (some frames, some privacy settings). */
export function tabStorage() {
  try {
    sessionStorage.removeItem(STORAGE_PREFIX);
    return sessionStorage;
  } catch {
    const kept = new Map();
    return {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => kept.set(key, value),
      removeItem: (key) => kept.delete(key),
    };
  }
}
