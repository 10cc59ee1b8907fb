const BLOCKS = new Set(
  'ADDRESS ARTICLE ASIDE BLOCKQUOTE CENTER DD DIV DL DT FIGCAPTION FIGURE FOOTER H1 H2 H3 H4 H5 H6 HEADER HR LI MAIN OL P PRE SECTION TABLE TBODY TFOOT THEAD TR UL'.split(
    ' ',
  ),
);
const SPACED = new Set(['P', 'H1', 'H2', 'H3', 'H4', 'H5', 'H6', 'UL', 'OL', 'TABLE']);
const SILENT = new Set(['STYLE', 'SCRIPT', 'TITLE', 'TEMPLATE', 'HEAD']);

/** What a reader sees of HTML, as the text of `text/plain`: quotes by `> `, lists by signs, links with their address. */
export function textOfNode(root: Node): string {
  const writer = new TextWriter();
  writer.children(root, false);
  return writer.finish();
}

class TextWriter {
  readonly #lines: string[] = [];
  #line = '';
  /** `>` of each quote. */
  #marks = '';

  finish(): string {
    this.#begin();
    return this.#lines.join('\n').replace(/^\n+/, '').trimEnd();
  }

  children(node: Node, pre: boolean): void {
    for (const child of node.childNodes) {
      if (child.nodeType === Node.TEXT_NODE) this.#text(child.nodeValue ?? '', pre);
      else if (child instanceof Element && !SILENT.has(child.tagName)) this.#element(child, pre);
    }
  }

  #text(value: string, pre: boolean): void {
    const text = value.replaceAll('\u200b', '');
    if (pre) {
      text.split('\n').forEach((each, index) => {
        if (index > 0) this.#end();
        this.#line += each;
      });
      return;
    }
    const folded = text.replaceAll(/[ \t\r\n]+/g, ' ').replaceAll('\u00a0', ' ');
    this.#line += this.#line === '' || this.#line.endsWith(' ') ? folded.replace(/^ /, '') : folded;
  }

  #element(element: Element, pre: boolean): void {
    const { tagName } = element;
    if (BLOCKS.has(tagName)) this.#block(element, pre, '');
    else if (tagName === 'BR') this.#end();
    else if (tagName === 'IMG') this.#line += element.getAttribute('alt') ?? '';
    else if (tagName === 'A') this.#link(element, pre);
    else {
      const isCell = tagName === 'TD' || tagName === 'TH';
      if (isCell && this.#line !== '' && !this.#line.endsWith(' ')) this.#line += ' ';
      this.children(element, pre);
    }
  }

  #link(element: Element, pre: boolean): void {
    const before = this.#line.length;
    this.children(element, pre);
    const href = element.getAttribute('href') ?? '';
    const shown = this.#line.slice(before).trim();
    const says = href.includes(shown.replace(/\/$/, ''));
    if (/^https?:/i.test(href) && shown !== '' && !says) this.#line += ` <${href}>`;
  }

  #block(element: Element, pre: boolean, sign: string): void {
    const { tagName } = element;
    const isSpaced = SPACED.has(tagName);
    this.#begin();
    if (isSpaced && this.#lines.length > 0) this.#emptyLine();
    const outer = this.#marks;
    if (tagName === 'BLOCKQUOTE') this.#marks += '>';
    this.#line = tagName === 'HR' ? '-'.repeat(40) : sign;
    if (tagName === 'OL' || tagName === 'UL') this.#list(element, pre);
    else this.children(element, pre || tagName === 'PRE');
    this.#begin();
    this.#marks = outer;
    if (isSpaced) this.#emptyLine();
  }

  #list(element: Element, pre: boolean): void {
    let count = Number(element.getAttribute('start') ?? 1);
    for (const item of element.children) {
      if (item.tagName !== 'LI') {
        this.#element(item, pre);
        continue;
      }
      this.#block(item, pre, element.tagName === 'OL' ? `${count}. ` : '- ');
      count += 1;
    }
  }

  #begin(): void {
    if (this.#line !== '') this.#end();
  }

  #emptyLine(): void {
    if (this.#lines.at(-1) !== this.#marks) this.#lines.push(this.#marks);
  }

  #end(): void {
    const line = this.#marks === '' ? this.#line : `${this.#marks} ${this.#line}`;
    // `-- ` alone keeps its blank: it parts the signature off (RFC 3676 §4.3).
    this.#lines.push(line === '-- ' ? line : line.trimEnd());
    this.#line = '';
  }
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

export { escaped as escapeHtml };

/** A text as HTML: a line a block, `> ` as quotes. */
export function htmlOfText(text: string): string {
  let depth = 0;
  let html = '';
  for (const line of text.replaceAll('\r\n', '\n').split('\n')) {
    const [marks = ''] = /^(?:> ?)*/.exec(line) ?? [];
    const wanted = marks.replaceAll(' ', '').length;
    while (depth < wanted) {
      html += '<blockquote>';
      depth += 1;
    }
    while (depth > wanted) {
      html += '</blockquote>';
      depth -= 1;
    }
    const rest = line.slice(marks.length);
    html += rest === '' ? '<div><br></div>' : `<div>${keepBlanks(escaped(rest))}</div>`;
  }
  return html + '</blockquote>'.repeat(depth);
}

const keepBlanks = (html: string): string =>
  html.replace(/^ /, '\u00a0').replace(/ {2,}/g, (blanks) => `${'\u00a0'.repeat(blanks.length - 1)} `);

/** `> ` before each line (RFC 3676 §4.5). */
export const quoted = (text: string): string =>
  text
    .split('\n')
    .map((line) => (line.startsWith('>') ? `>${line}` : line === '' ? '>' : `> ${line}`))
    .join('\n');
