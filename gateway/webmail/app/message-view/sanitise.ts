import DOMPurify from 'dompurify';
import { filterDeclarations, filterSheet, type StyleRules } from './style-filter.ts';

export interface SanitiseOptions {
  /** Whether pictures and backgrounds from outside are shown. */
  readonly remote: boolean;
  /** The address at our own host of a part that the message names by `cid:`. */
  readonly inlinePart: (contentId: string) => string | undefined;
}

export interface SanitisedMessage {
  /** Styles and markup of a body; safe in a frame without scripts alone. */
  readonly markup: string;
  readonly bodyStyle: string;
  /** How much from outside was left out. */
  readonly blocked: number;
  /** Whether it says which colours it wants; if not, ours fit it. */
  readonly hasColours: boolean;
}

const TAGS = [
  ...[
    'a',
    'abbr',
    'acronym',
    'address',
    'article',
    'aside',
    'b',
    'bdi',
    'bdo',
    'big',
    'blockquote',
    'body',
    'br',
    'caption',
  ],
  ...[
    'center',
    'cite',
    'code',
    'col',
    'colgroup',
    'dd',
    'del',
    'details',
    'dfn',
    'dir',
    'div',
    'dl',
    'dt',
    'em',
    'figcaption',
  ],
  ...[
    'figure',
    'font',
    'footer',
    'h1',
    'h2',
    'h3',
    'h4',
    'h5',
    'h6',
    'head',
    'header',
    'hr',
    'html',
    'i',
    'img',
    'ins',
    'kbd',
  ],
  ...[
    'li',
    'main',
    'mark',
    'nav',
    'ol',
    'p',
    'pre',
    'q',
    's',
    'samp',
    'section',
    'small',
    'span',
    'strike',
    'strong',
    'style',
  ],
  ...[
    'sub',
    'summary',
    'sup',
    'table',
    'tbody',
    'td',
    'tfoot',
    'th',
    'thead',
    'time',
    'tr',
    'tt',
    'u',
    'ul',
    'var',
    'wbr',
  ],
];
const ATTRIBUTES = [
  ...[
    'abbr',
    'align',
    'alt',
    'bgcolor',
    'border',
    'cellpadding',
    'cellspacing',
    'cite',
    'class',
    'color',
    'cols',
    'colspan',
  ],
  ...[
    'datetime',
    'dir',
    'face',
    'headers',
    'height',
    'href',
    'hspace',
    'id',
    'lang',
    'noshade',
    'nowrap',
    'open',
    'reversed',
  ],
  ...[
    'rowspan',
    'rules',
    'scope',
    'size',
    'span',
    'src',
    'start',
    'style',
    'summary',
    'title',
    'type',
    'valign',
    'value',
  ],
  ...['vspace', 'width', 'background'],
];
/** Where a link may lead. `href` of our own pages cannot be written: there is no such thing as a relative address in a message. */
const LINK = /^(?:https?:|mailto:|tel:|#)/i;
/** Pictures that are in the text itself; SVG is a document. */
const DATA_IMAGE = /^data:image\/(?:png|jpe?g|gif|webp|bmp|avif);base64,[a-z0-9+/=\s]*$/i;
const COLOURS = /(?:^|;|\s)(?:background(?:-color|-image)?|color)\s*:/i;
const MAX_MARKUP = 3_000_000;

let options: (SanitiseOptions & { blocked: number; colours: boolean }) | undefined;
const rules: StyleRules = {
  get remote() {
    return options?.remote === true;
  },
  onBlocked() {
    if (options !== undefined) options.blocked += 1;
  },
};

DOMPurify.addHook('uponSanitizeElement', (node, data) => {
  if (data.tagName !== 'style' || !('textContent' in node)) return;
  const filtered = filterSheet(node.textContent ?? '', rules);
  if (options !== undefined && COLOURS.test(filtered)) options.colours = true;
  node.textContent = filtered;
});

DOMPurify.addHook('afterSanitizeAttributes', (element) => {
  if (options === undefined) return;
  filterStyle(element);
  const background = element.getAttribute('background');
  if (background !== null) {
    options.blocked += 1;
    element.removeAttribute('background');
  }
  if (['bgcolor', 'color'].some((name) => element.hasAttribute(name))) options.colours = true;
  // Names are for links within the message, and for labels: they cannot stand for anything of the page's.
  const id = element.getAttribute('id');
  if (id !== null) element.setAttribute('id', `m-${id}`);
  if (element.tagName === 'IMG') filterImage(element, options);
  else element.removeAttribute('src');
  const href = element.getAttribute('href');
  if (href !== null) filterLink(element, href.trim());
});

function filterStyle(element: Element): void {
  if (!element.hasAttribute('style')) return;
  const filtered = filterDeclarations((element as HTMLElement).style, rules);
  if (options !== undefined && COLOURS.test(filtered)) options.colours = true;
  if (filtered === '') element.removeAttribute('style');
  else element.setAttribute('style', filtered);
}

function filterImage(element: Element, own: NonNullable<typeof options>): void {
  const source = (element.getAttribute('src') ?? '').trim();
  element.removeAttribute('src');
  if (/^cid:/i.test(source)) {
    const address = own.inlinePart(decodePart(source.slice(4)));
    if (address !== undefined) element.setAttribute('src', address);
  } else if (DATA_IMAGE.test(source)) {
    element.setAttribute('src', source);
  } else if (/^(?:https?:)?\/\//i.test(source)) {
    if (own.remote) element.setAttribute('src', source.replace(/^(?:http:)?\/\//i, 'https://'));
    else {
      own.blocked += 1;
      element.setAttribute('class', `${element.getAttribute('class') ?? ''} postern-blocked`.trim());
    }
  }
  element.setAttribute('loading', 'eager');
  element.setAttribute('referrerpolicy', 'no-referrer');
}

function filterLink(element: Element, href: string): void {
  if (element.tagName !== 'A' || !LINK.test(href)) {
    element.removeAttribute('href');
    return;
  }
  if (href.startsWith('#')) {
    element.setAttribute('href', `#m-${href.slice(1)}`);
    return;
  }
  element.setAttribute('target', '_blank');
  element.setAttribute('rel', 'noopener noreferrer nofollow');
  // Where it really leads, for those who look before they follow it.
  if (!/^mailto:|^tel:/i.test(href)) element.setAttribute('title', href.slice(0, 300));
}

function decodePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Takes from a message's HTML whatever could act, ask or load; in the engine that will show it. */
export function sanitise(html: string, given: SanitiseOptions): SanitisedMessage {
  options = { ...given, blocked: 0, colours: false };
  try {
    const root = DOMPurify.sanitize(html.slice(0, MAX_MARKUP), {
      ALLOWED_TAGS: TAGS,
      ALLOWED_ATTR: ATTRIBUTES,
      ALLOW_DATA_ATTR: false,
      ALLOW_ARIA_ATTR: false,
      // Values that are no addresses pass as well; the hooks see to each that is one.
      ALLOWED_URI_REGEXP: /^(?:(?:https?|mailto|tel|cid):|data:image\/|[^a-z]|[a-z+.-]+(?:[^a-z+.\-:]|$))/i,
      ADD_DATA_URI_TAGS: ['img'],
      FORBID_CONTENTS: [
        'script',
        'title',
        'svg',
        'math',
        'template',
        'noscript',
        'iframe',
        'object',
        'textarea',
        'select',
        'xmp',
        'noembed',
        'noframes',
        'plaintext',
      ],
      WHOLE_DOCUMENT: true,
      RETURN_DOM: true,
    }) as HTMLElement;
    const body = root.querySelector('body');
    const styles = [...root.querySelectorAll('head style')].map((style) => style.outerHTML).join('');
    // The body's own attributes become a style: the body of the frame is ours.
    const colour = (name: string): string =>
      /^(?:#[0-9a-f]{3,8}|[a-z]{3,30})$/i.exec(body?.getAttribute(name) ?? '')?.[0] ?? '';
    const ground = colour('bgcolor') === '' ? '' : `background-color: ${colour('bgcolor')}; `;
    return {
      markup: styles + (body?.innerHTML ?? ''),
      bodyStyle: ground + (body?.getAttribute('style') ?? ''),
      blocked: options.blocked,
      hasColours: options.colours || ground !== '',
    };
  } finally {
    options = undefined;
  }
}
