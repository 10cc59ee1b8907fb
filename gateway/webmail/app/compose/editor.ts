import Squire from 'squire-rte';
import { cleanForEditor, type ImageSources } from './editor-html.ts';

/** Squire, which keeps whatever HTML is quoted; all markup that gets in passes {@link cleanForEditor}. */
export class Editor extends Squire {
  constructor(root: HTMLElement, sources: () => ImageSources) {
    super(root, {
      blockTag: 'DIV',
      addLinks: true,
      tagAttributes: { a: { target: '_blank' } },
      sanitizeToDOMFragment: (html) => cleanForEditor(html, sources()),
    });
  }

  /** What undo puts back: the page's policy takes no bare string. */
  override _setRawHTML(html: string): this {
    const root = this.getRoot();
    root.replaceChildren(cleanForEditor(html, { own: true, remote: true }));
    if (root.firstChild === null) root.append(this.createDefaultBlock());
    this._ignoreChange = true;
    return this;
  }
}

export type Format = 'bold' | 'italic' | 'underline' | 'strike' | 'link' | 'bullets' | 'numbers' | 'quote';

/** The formats at the caret, by Squire's path of tags. */
export function formatsAt(editor: Editor): ReadonlySet<Format> {
  const tags: readonly (readonly [Format, string])[] = [
    ['bold', 'B'],
    ['italic', 'I'],
    ['underline', 'U'],
    ['strike', 'S'],
    ['link', 'A'],
    ['bullets', 'UL'],
    ['numbers', 'OL'],
    ['quote', 'BLOCKQUOTE'],
  ];
  const path = editor.getPath();
  const within = (tag: string): boolean => new RegExp(`(?:^|>)${tag}(?:[.#[>]|$)`).test(path);
  return new Set(
    tags.filter(([, tag]) => within(tag) || (tag.length === 1 && editor.hasFormat(tag))).map(([name]) => name),
  );
}

/** Switches a format on, or off where it is on. */
export function toggleFormat(editor: Editor, format: Exclude<Format, 'link'>, on: boolean): void {
  switch (format) {
    case 'bold':
      return void (on ? editor.removeBold() : editor.bold());
    case 'italic':
      return void (on ? editor.removeItalic() : editor.italic());
    case 'underline':
      return void (on ? editor.removeUnderline() : editor.underline());
    case 'strike':
      return void (on ? editor.removeStrikethrough() : editor.strikethrough());
    case 'bullets':
      return void (on ? editor.removeList() : editor.makeUnorderedList());
    case 'numbers':
      return void (on ? editor.removeList() : editor.makeOrderedList());
    case 'quote':
      return void (on ? editor.decreaseQuoteLevel() : editor.increaseQuoteLevel());
  }
}
