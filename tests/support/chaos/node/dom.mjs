/** As much of a page as noVNC asks for: elements without a look, a window without a screen. */

export class Element extends EventTarget {
  style = {};
  children = [];
  parentNode = null;
  size = { width: 0, height: 0 };

  appendChild(child) {
    this.children.push(child);
    child.parentNode = this;
    return child;
  }

  removeChild(child) {
    this.children.splice(this.children.indexOf(child), 1);
    child.parentNode = null;
    return child;
  }

  contains(other) {
    return this === other || this.children.some((child) => child.contains(other));
  }

  /** A box without a size of its own is as large as the one around it. */
  getBoundingClientRect() {
    const { width, height } = this.size.width || !this.parentNode ? this.size : this.parentNode.getBoundingClientRect();
    return { left: 0, top: 0, right: width, bottom: height, width, height };
  }

  get clientWidth() {
    return this.getBoundingClientRect().width;
  }

  get clientHeight() {
    return this.getBoundingClientRect().height;
  }

  get offsetWidth() {
    return this.clientWidth;
  }

  focus() {}
  blur() {}
}

class Observer {
  observe() {}
  disconnect() {}
}

/** Put everything in its place; noVNC looks when it is imported. `makers` make elements by the name of their tag. */
export function install(makers, globals) {
  const document = new Element();
  const window = Object.assign(new EventTarget(), { isSecureContext: true, devicePixelRatio: 1, console, Error });
  Object.assign(window, { setTimeout, performance, crypto: globalThis.crypto });
  window.requestAnimationFrame = (draw) => setTimeout(draw, 0);
  window.getComputedStyle = (element) => element.style;
  document.documentElement = document.appendChild(new Element());
  document.body = document.documentElement.appendChild(new Element());
  document.createElement = (tag) => (makers[tag] ? makers[tag]() : new Element());
  document.getElementById = () => null;
  document.elementFromPoint = () => null;
  const navigator = { platform: "Linux", userAgent: "test", maxTouchPoints: 0 };
  for (const [name, value] of Object.entries({ window, document, navigator, ...globals })) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  Object.assign(globalThis, { ResizeObserver: Observer, MutationObserver: Observer });
  return { window, document };
}
