import DOMPurify from 'dompurify';

/**
 * HTML on its way into the editor, which is part of our own page: no scripts, forms or style sheets, no names that ours could meet, styles by a list,
 * and pictures only of the message itself. What is remote is kept aside (`data-remote`) until the message is sent, so that
 * answering fetches nothing.
 */
const CONFIG = {
  RETURN_DOM_FRAGMENT: true,
  ALLOW_DATA_ATTR: false,
  USE_PROFILES: { html: true },
  FORBID_TAGS: [
    ...['style', 'form', 'input', 'button', 'textarea', 'select', 'option', 'label', 'fieldset', 'legend', 'dialog'],
    ...['audio', 'video', 'source', 'track', 'picture', 'map', 'area', 'template', 'slot', 'details', 'summary'],
    ...['progress', 'meter', 'output', 'datalist', 'optgroup', 'marquee', 'menu', 'nav', 'main'],
  ],
  FORBID_ATTR: [
    ...['id', 'class', 'name', 'srcset', 'background', 'poster', 'ping', 'usemap', 'ismap', 'tabindex', 'autofocus'],
    ...['popover', 'popovertarget', 'is', 'slot', 'part', 'accesskey', 'contenteditable', 'role', 'hidden', 'sizes'],
  ],
  // Values that are no addresses pass as well (colours, widths); each address is seen to below.
  ALLOWED_URI_REGEXP:
    /^(?:(?:https?|mailto|tel|cid|blob|data):|\/jmap\/download\/|[^a-z/]|[a-z+.-]+(?:[^a-z+.\-:]|$))/i,
} as const;

const OWN_ATTRIBUTES = ['data-cid', 'data-remote', 'data-signature'];
/** Where the caret was, in the editor's memory for undo. */
const CARETS = /^squire-selection-(?:start|end)$/;
const OWN_CONFIG = {
  ...CONFIG,
  FORBID_TAGS: CONFIG.FORBID_TAGS.filter((tag) => tag !== 'input'),
  FORBID_ATTR: CONFIG.FORBID_ATTR.filter((name) => name !== 'id'),
  ADD_ATTR: OWN_ATTRIBUTES,
};
const STYLES =
  /^(?:color|background-color|direction|display|font(?:-.+)?|letter-spacing|line-height|list-style-type|text-(?:align|decoration.*|indent|transform)|vertical-align|white-space.*|word-break|overflow-wrap|border-collapse|border-spacing|(?:margin|padding)(?:-.+)?|border(?:-(?:top|right|bottom|left))?(?:-(?:color|style|width|radius))?|border-.+-radius|(?:max-|min-)?(?:width|height))$/;

export interface ImageSources {
  /** Address of a part of the message by its Content-ID; undefined when there is none. */
  readonly ofCid?: (cid: string) => string | undefined;
  /** Whether remote pictures may be fetched. */
  readonly remote?: boolean;
  /** HTML that the editor itself made: its marks stay. */
  readonly own?: boolean;
}

/** Nodes that may be put into the editor. They were built in a document of their own, where nothing is fetched. */
export function cleanForEditor(html: string, sources: ImageSources = {}): DocumentFragment {
  const config = sources.own === true ? OWN_CONFIG : CONFIG;
  const fragment = DOMPurify.sanitize(html, config as never) as unknown as DocumentFragment;
  for (const element of fragment.querySelectorAll<HTMLElement>('*')) {
    filterStyles(element);
    if (element.tagName === 'INPUT' && !CARETS.test(element.id)) element.remove();
    if (element.tagName !== 'INPUT') element.removeAttribute('id');
    if (element.tagName === 'IMG') placeImage(element as HTMLImageElement, sources);
    else element.removeAttribute('src');
    if (element.tagName === 'A') {
      if (/^(?:https?|mailto|tel):/i.test(element.getAttribute('href') ?? '')) element.setAttribute('target', '_blank');
      else element.removeAttribute('href');
    }
  }
  return document.importNode(fragment, true);
}

function filterStyles({ style }: HTMLElement): void {
  for (const name of [...style]) {
    if (!STYLES.test(name) || /url\(|image|var\(|expression|attr\(/i.test(style.getPropertyValue(name)))
      style.removeProperty(name);
  }
}

function placeImage(image: HTMLImageElement, { ofCid, remote = false, own = false }: ImageSources): void {
  const src = image.getAttribute('src') ?? '';
  const cid = /^cid:(.+)$/i.exec(src)?.[1];
  const show = (address: string | undefined): void => {
    if (address === undefined) image.removeAttribute('src');
    else image.setAttribute('src', address);
  };
  if (cid !== undefined) {
    const name = decodeCid(cid);
    image.setAttribute('data-cid', name);
    show(ofCid?.(name));
  } else if (/^https?:/i.test(src)) {
    image.setAttribute('data-remote', src);
    show(remote ? src : undefined);
  } else if (/^data:image\/(?:png|jpeg|gif|webp);/i.test(src)) show(src);
  // Addresses of our own host and page are the editor's alone.
  else if (!own || !/^(?:blob:|\/jmap\/download\/)/.test(src)) show(undefined);
}

function decodeCid(cid: string): string {
  try {
    return decodeURIComponent(cid);
  } catch {
    return cid;
  }
}

export interface WrittenHtml {
  /** Without the frame of a document. */
  readonly html: string;
  /** Content-IDs of the pictures that it shows. */
  readonly cids: readonly string[];
}

/** What the editor holds, as it is sent: pictures by their Content-ID, remote ones by their address again. */
export function htmlForMail(root: Element): WrittenHtml {
  // In a document of its own, where the addresses that come back fetch nothing.
  const copy = document.implementation.createHTMLDocument('').importNode(root, true);
  const cids: string[] = [];
  for (const image of copy.querySelectorAll('img')) {
    const { cid, remote } = image.dataset;
    if (cid !== undefined) {
      image.setAttribute('src', `cid:${encodeURIComponent(cid).replaceAll('%40', '@')}`);
      cids.push(cid);
    } else if (remote !== undefined) image.setAttribute('src', remote);
    else if (/^(?:blob:|\/jmap\/)/.test(image.getAttribute('src') ?? 'blob:')) image.remove();
  }
  for (const element of copy.querySelectorAll('*')) {
    for (const name of OWN_ATTRIBUTES) element.removeAttribute(name);
  }
  const body = copy.innerHTML.replaceAll('\u200b', '');
  return { html: body, cids };
}
