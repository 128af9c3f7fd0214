/**
 * What a page that frames the console is told: `{type, name, code}`, only to the configured origins.
 *
 * `type` is "connecting", "connected", "waiting" or "ended"; `name` and `code` are those of the ending, or null.
 */

/** A function `(type, ending?)` that tells the framing page; does nothing when not framed. */
export function framePoster(embedder = window.parent) {
  const listed = document.querySelector('meta[name="vnc-gateway-embed-origins"]')?.content ?? "";
  const origins = embedder === window ? [] : listed.split(/\s+/).filter((origin) => /^https?:\/\/[^*]+$/.test(origin));
  return (type, ending = null) => {
    const message = { type, name: ending?.name ?? null, code: ending?.code ?? null };
    // The browser delivers to the one origin that fits and drops the others.
    for (const origin of origins) embedder.postMessage(message, origin);
  };
}
