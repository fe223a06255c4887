// The renderer: templates whose values can only be text, attributes, properties and listeners.
//
// html`<p class=${kind}>${name}</p>` is a template; render(template, element) shows it. Shown again with other values,
// only what differs is changed, so focus, selection and what was typed stay.
//
//   <p>${value}</p>           text, a template, a node, or a list of these; null, undefined and booleans are nothing
//   name=${value}             attribute; null, undefined and false take it away. Also name="a ${b} c"
//   ?disabled=${flag}         attribute without a value
//   .value=${value}           property; set when another value is given, so not over what was typed since
//   @click=${listener}        listener
//   keyed(id, html`…`)        an entry of a list that keeps its elements when the order changes
//   svg`<circle …/>`          a template of what stands within an <svg>
//
// The page's policy (trusted types, no inline style) leaves one way to parse markup, and only the fixed strings of
// templates go there. A style is a class, or an attribute of SVG.

/**
 * A template with its values.
 * @typedef {object} Template
 * @property {TemplateStringsArray} strings
 * @property {readonly unknown[]} values
 * @property {boolean} isSvg
 * @property {unknown} [key]
 */

/**
 * @param {TemplateStringsArray} strings
 * @param {readonly unknown[]} values
 * @returns {Template}
 */
export const html = (strings, ...values) => new Shown(strings, values, false);

/**
 * @param {TemplateStringsArray} strings
 * @param {readonly unknown[]} values
 * @returns {Template}
 */
export const svg = (strings, ...values) => new Shown(strings, values, true);

/**
 * @param {unknown} key
 * @param {Template} template
 * @returns {Template}
 */
export function keyed(key, template) {
  template.key = key;
  return template;
}

/**
 * Shows `value`, a template as a rule, as the content of `element`.
 * @param {unknown} value
 * @param {Element} element
 */
export function render(value, element) {
  let place = places.get(element);
  if (!place) {
    element.replaceChildren();
    place = Place.at(element, null);
    places.set(element, place);
  }
  place.show(value);
}

/** @type {WeakMap<Element, Place>} */
const places = new WeakMap();

/** What `html` makes: nothing else is taken for a template. */
class Shown {
  /** @type {unknown} */
  key;

  /**
   * @param {TemplateStringsArray} strings
   * @param {readonly unknown[]} values
   * @param {boolean} isSvg
   */
  constructor(strings, values, isSvg) {
    this.strings = strings;
    this.values = values;
    this.isSvg = isSvg;
  }
}

// The strings that the compiler of JavaScript made of a literal, as the policy of trusted types demands.
/** @type {Set<string>} */
const fixed = new Set();

/** @param {string} markup */
const onlyFixed = (markup) => {
  if (!fixed.has(markup)) throw new TypeError('only the strings of a template are markup');
  return markup;
};

/** @typedef {{ createPolicy(name: string, rules: { createHTML(markup: string): string }): typeof rules }} TrustedTypes */
const { trustedTypes } = /** @type {{ trustedTypes?: TrustedTypes }} */ (globalThis);
const policy = trustedTypes?.createPolicy('console-templates', { createHTML: onlyFixed });

/**
 * Where a value goes in a template.
 * @typedef {object} Hole
 * @property {number} node         the place of its node among all elements and comments of the template
 * @property {string | null} name  of the attribute as written, with its sign; null for what is shown
 * @property {string[]} texts      around the values of an attribute
 */

/**
 * @typedef {object} Prepared
 * @property {DocumentFragment} content
 * @property {Hole[]} holes
 */

/** @type {WeakMap<TemplateStringsArray, Prepared>} */
const prepared = new WeakMap();

const EVERY_NODE = NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_COMMENT;
const ATTRIBUTE_AHEAD = /([^\s"'<>/=]+)\s*=\s*(?:"[^"]*|'[^']*|[^\s"'<>]*)$/;

/**
 * @param {Template} template
 * @returns {Prepared}
 */
function prepare({ strings, isSvg }) {
  const known = prepared.get(strings);
  if (known) return known;
  if (!Object.isFrozen(strings) || !Array.isArray(strings.raw)) throw new TypeError('a template is a literal');

  /** @type {string[]} the name of the attribute of each hole, or nothing */
  const names = [];
  let markup = '';
  strings.forEach((string, index) => {
    markup += string;
    if (index === strings.length - 1) return;
    const isInTag = markup.lastIndexOf('<') > markup.lastIndexOf('>');
    const name = isInTag ? ATTRIBUTE_AHEAD.exec(markup)?.[1] : undefined;
    if (isInTag && !name) throw new TypeError(`a value stands where only markup may: ${string}`);
    names.push(name ?? '');
    if (!name) markup += `<!--hole-${index}-->`;
    else markup += /=\s*$/.test(string) ? `"hole-${index}-"` : `hole-${index}-`;
  });
  if (isSvg) markup = `<svg>${markup}</svg>`;

  const element = document.createElement('template');
  fixed.add(markup);
  // With trusted types the policy's answer is the only thing that is taken here.
  element.innerHTML = policy ? policy.createHTML(markup) : onlyFixed(markup);
  fixed.delete(markup);
  const content = element.content;
  if (isSvg) content.replaceChildren(...(content.firstElementChild?.childNodes ?? []));

  /** @type {Hole[]} */
  const holes = [];
  const walker = document.createTreeWalker(content, EVERY_NODE);
  for (let node = 0; walker.nextNode(); node += 1) {
    const found = walker.currentNode;
    if (found instanceof Comment) {
      if (found.data.startsWith('hole-')) holes.push({ node, name: null, texts: [] });
      continue;
    }
    for (const attribute of [.../** @type {Element} */ (found).attributes]) {
      const texts = attribute.value.split(/hole-\d+-/);
      if (texts.length === 1) continue;
      const first = Number(/hole-(\d+)-/.exec(attribute.value)?.[1]);
      const name = names[first] ?? '';
      refuseUnsafe(name);
      /** @type {Element} */ (found).removeAttribute(attribute.name);
      holes.push({ node, name, texts });
    }
  }
  const values = holes.reduce((sum, hole) => sum + Math.max(1, hole.texts.length - 1), 0);
  if (values !== strings.length - 1) throw new TypeError('a value stands within a comment, a style or a script');
  const result = { content, holes };
  prepared.set(strings, result);
  return result;
}

/** @param {string} name */
function refuseUnsafe(name) {
  if (/^on|^\.(inner|outer)html$|srcdoc$|^style$/i.test(name)) throw new TypeError(`${name} takes no value`);
}

const ADDRESSES = /^(href|src|action|formaction|xlink:href|\.href|\.src|\.action|\.formaction)$/i;
const SAFE_ADDRESS = /^(https?:|mailto:|blob:|[^:]*$|[^:]*[/?#])/i;

/** A template that is shown, with the parts that change. */
class Instance {
  /** @param {Template} template */
  constructor(template) {
    const { content, holes } = prepare(template);
    this.strings = template.strings;
    this.key = template.key;
    this.fragment = document.importNode(content, true);
    /** @type {Node[]} */
    const nodes = [];
    const walker = document.createTreeWalker(this.fragment, EVERY_NODE);
    while (walker.nextNode()) nodes.push(walker.currentNode);
    this.parts = holes.map((hole) => {
      const node = /** @type {Element & Comment} */ (nodes[hole.node]);
      return hole.name === null ? Place.before(node) : partOf(node, hole.name, hole.texts);
    });
  }

  /** @param {readonly unknown[]} values */
  update(values) {
    let next = 0;
    /** @type {(() => void)[]} properties, which may need what is within: the value of a <select> */
    const last = [];
    for (const part of this.parts) {
      const own = values.slice(next, next + part.count);
      next += part.count;
      if (part instanceof PropertyPart) last.push(() => part.set(own));
      else part.set(own);
    }
    for (const set of last) set();
  }
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {string[]} texts
 */
function partOf(element, name, texts) {
  switch (name[0]) {
    case '@':
      return new ListenerPart(element, name.slice(1));
    case '.':
      return new PropertyPart(element, name.slice(1));
    case '?':
      return new FlagPart(element, name.slice(1));
    default:
      return new AttributePart(element, name, texts);
  }
}

class AttributePart {
  /** @type {string | null} */
  #shown = null;

  /**
   * @param {Element} element
   * @param {string} name
   * @param {string[]} texts
   */
  constructor(element, name, texts) {
    this.element = element;
    this.name = name;
    this.texts = texts;
    this.count = texts.length - 1;
  }

  /** @param {readonly unknown[]} values */
  set(values) {
    const isOne = this.count === 1 && this.texts.every((text) => text === '');
    const isNothing = isOne && (values[0] === null || values[0] === undefined || values[0] === false);
    const text = isNothing ? null : this.texts.reduce((all, next, index) => all + String(values[index - 1] ?? '') + next);
    if (text === this.#shown) return;
    if (text !== null) refuseAddress(this.name, text);
    this.#shown = text;
    if (text === null) this.element.removeAttribute(this.name);
    else this.element.setAttribute(this.name, text);
  }
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function refuseAddress(name, value) {
  if (ADDRESSES.test(name) && !SAFE_ADDRESS.test(String(value).trim())) throw new TypeError(`${name} takes no such address`);
}

class FlagPart {
  count = 1;

  /**
   * @param {Element} element
   * @param {string} name
   */
  constructor(element, name) {
    this.element = element;
    this.name = name;
  }

  /** @param {readonly unknown[]} values */
  set([value]) {
    this.element.toggleAttribute(this.name, Boolean(value));
  }
}

class PropertyPart {
  count = 1;
  /** @type {unknown} */
  #shown = PropertyPart;

  /**
   * @param {Element} element
   * @param {string} name
   */
  constructor(element, name) {
    this.element = element;
    this.name = name;
  }

  /** @param {readonly unknown[]} values */
  set([value]) {
    if (Object.is(value, this.#shown)) return;
    refuseAddress(`.${this.name}`, value);
    this.#shown = value;
    Reflect.set(this.element, this.name, value);
  }
}

class ListenerPart {
  count = 1;
  /** @type {unknown} */
  #listener;

  /**
   * @param {Element} element
   * @param {string} name
   */
  constructor(element, name) {
    this.element = element;
    element.addEventListener(name, this);
  }

  /** @param {readonly unknown[]} values */
  set([value]) {
    this.#listener = value;
  }

  /** @param {Event} event */
  handleEvent(event) {
    if (typeof this.#listener === 'function') this.#listener.call(this.element, event);
  }
}

/** The place of what is shown, between two comments. */
class Place {
  count = 1;
  /** @type {Instance | Text | Node | Place[] | null} */
  #content = null;

  /**
   * @param {Comment} start
   * @param {Comment} end
   */
  constructor(start, end) {
    this.start = start;
    this.end = end;
  }

  /** @type {unknown} of the entry of a list that is here */
  key;

  /**
   * A new place in `parent` before `next`.
   * @param {Node} parent
   * @param {Node | null} next
   */
  static at(parent, next) {
    const place = new Place(document.createComment(''), document.createComment(''));
    parent.insertBefore(place.start, next);
    parent.insertBefore(place.end, next);
    return place;
  }

  /**
   * A new place that ends with `end`.
   * @param {Comment} end
   */
  static before(end) {
    const start = document.createComment('');
    end.before(start);
    end.data = '';
    return new Place(start, end);
  }

  /** @param {readonly unknown[]} values */
  set([value]) {
    this.show(value);
  }

  /** @param {unknown} value */
  show(value) {
    if (value === null || value === undefined || typeof value === 'boolean') this.#clear();
    else if (value instanceof Shown) this.#showTemplate(value);
    else if (value instanceof Node) this.#showNode(value);
    else if (typeof value === 'object' && Symbol.iterator in value) this.#showList([.../** @type {Iterable<unknown>} */ (value)]);
    else this.#showText(String(value));
  }

  /** @param {Shown} template */
  #showTemplate(template) {
    let instance = this.#content;
    if (!(instance instanceof Instance) || instance.strings !== template.strings || instance.key !== template.key) {
      this.#clear();
      instance = new Instance(template);
      this.#content = instance;
      instance.update(template.values);
      this.end.before(instance.fragment);
    } else {
      instance.update(template.values);
    }
  }

  /** @param {Node} node */
  #showNode(node) {
    if (this.#content === node) return;
    this.#clear();
    this.#content = node;
    this.end.parentNode?.insertBefore(node, this.end);
  }

  /** @param {string} text */
  #showText(text) {
    if (this.#content instanceof Text) {
      if (this.#content.data !== text) this.#content.data = text;
      return;
    }
    this.#clear();
    this.#content = document.createTextNode(text);
    this.end.before(this.#content);
  }

  /** @param {unknown[]} values */
  #showList(values) {
    const parent = /** @type {Node} */ (this.end.parentNode);
    if (!Array.isArray(this.#content)) this.#clear();
    const before = Array.isArray(this.#content) ? this.#content : [];
    /** @type {Map<unknown, Place>} */
    const byKey = new Map(before.map((place) => [place.key, place]));
    const others = before.filter((place) => place.key === undefined);
    const after = values.map((value) => {
      const key = value instanceof Shown ? value.key : undefined;
      const found = key === undefined ? others.shift() : byKey.get(key);
      if (key !== undefined) byKey.delete(key);
      const place = found ?? Place.at(parent, this.end);
      place.key = key;
      return place;
    });
    const kept = new Set(after);
    for (const place of before) if (!kept.has(place)) place.#remove();
    /** @type {Node} */
    let next = this.start.nextSibling ?? this.end;
    after.forEach((place, index) => {
      if (place.start === next) next = place.end.nextSibling ?? this.end;
      else place.#moveBefore(next);
      place.show(values[index]);
    });
    this.#content = after;
  }

  /** @param {Node} next */
  #moveBefore(next) {
    const parent = /** @type {Node} */ (next.parentNode);
    for (const node of this.#nodes(true)) parent.insertBefore(node, next);
  }

  /**
   * The nodes between the comments; with them, if `withEnds`.
   * @param {boolean} withEnds
   */
  #nodes(withEnds) {
    /** @type {ChildNode[]} */
    const nodes = [];
    for (let node = this.start.nextSibling; node && node !== this.end; node = node.nextSibling) nodes.push(node);
    return withEnds ? [this.start, ...nodes, this.end] : nodes;
  }

  #clear() {
    for (const node of this.#nodes(false)) node.remove();
    this.#content = null;
  }

  #remove() {
    for (const node of this.#nodes(true)) node.remove();
  }
}
