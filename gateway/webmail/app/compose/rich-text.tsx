import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Icon, type IconName } from '../components/icon.tsx';
import type { MessageKey } from '../i18n/catalogue.ts';
import { t } from '../i18n/i18n.ts';
import type { Draft } from './draft.ts';
import { Editor, type Format, formatsAt, toggleFormat } from './editor.ts';
import { cleanForEditor, htmlForMail } from './editor-html.ts';
import { LinkDialog } from './link-dialog.tsx';
import { textOfNode } from './plain-text.ts';
import { htmlSignature, imageAddress } from './start.ts';

const FORMATS: readonly (readonly [Format, IconName, MessageKey, string])[] = [
  ['bold', 'bold', 'compose.bold', 'B'],
  ['italic', 'italic', 'compose.italic', 'I'],
  ['underline', 'underline', 'compose.underline', 'U'],
  ['strike', 'strike', 'compose.strike', ''],
  ['link', 'link', 'compose.link', 'K'],
  ['bullets', 'bullets', 'compose.bullets', ''],
  ['numbers', 'numbers', 'compose.numbers', ''],
  ['quote', 'quote', 'compose.quote', ''],
];

/** The text with its formats. Pictures that are pasted or dropped stand in it. */
export function RichText({ draft, autoFocus }: { readonly draft: Draft; readonly autoFocus: boolean }) {
  const root = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor | undefined>(undefined);
  const [formats, setFormats] = useState<ReadonlySet<Format>>(new Set());
  const [linking, setLinking] = useState(false);

  // Before it is seen: whoever types at once must not lose a letter.
  useLayoutEffect(() => {
    const element = root.current;
    if (element === null) return;
    const ofCid = (cid: string): string | undefined => imageAddress(draft.attachments.list.peek(), cid);
    // What it begins with was cleaned when it was put together; what is pasted is a stranger's.
    let own = true;
    const made = new Editor(element, () => ({ ofCid, remote: draft.first.remote, own }));
    editor.current = made;
    made.setHTML(draft.body.html);
    own = false;
    made.moveCursorToStart();
    if (autoFocus) made.focus();
    // The editor tells of what it was given as well, some time later.
    const given = element.innerHTML;
    made.addEventListener('input', () => {
      if (draft.saveState.peek() !== 'untouched' || element.innerHTML !== given) draft.touch();
    });
    const look = (): void => setFormats(formatsAt(made));
    made.addEventListener('pathChange', look);
    made.addEventListener('select', look);
    made.addEventListener('pasteImage', (event) => {
      const { clipboardData } = (event as CustomEvent<{ clipboardData: DataTransfer }>).detail;
      insertPictures(made, draft, clipboardData.files);
    });
    made.setKeyHandler('ctrl-k', () => setLinking(true));
    made.setKeyHandler('meta-k', () => setLinking(true));
    // Tab goes on to what comes next, as everywhere; the list buttons change levels.
    made.setKeyHandler('Tab', null);
    draft.readFrom(() => ({ ...htmlForMail(element), text: textOfNode(element) }));
    const stopSignature = followIdentity(draft, element);
    return () => {
      const { html, cids } = htmlForMail(element);
      draft.body = { html, cids, text: textOfNode(element) };
      draft.readFrom(undefined);
      stopSignature();
      made.destroy();
    };
  }, []);

  const press = (format: Format): void => {
    if (editor.current === undefined) return;
    if (format === 'link') {
      setLinking(true);
      return;
    }
    toggleFormat(editor.current, format, formats.has(format));
    editor.current.focus();
    setFormats(formatsAt(editor.current));
  };
  return (
    <>
      <div
        ref={root}
        class="compose-text compose-rich"
        role="textbox"
        aria-multiline="true"
        aria-label={t('compose.text')}
        tabIndex={0}
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => {
          const files = event.dataTransfer?.files;
          if (editor.current === undefined || files === undefined || files.length === 0) return;
          event.preventDefault();
          event.stopPropagation();
          insertPictures(editor.current, draft, files);
        }}
      />
      <div class="compose-formats" role="toolbar" aria-label={t('compose.formats')}>
        {FORMATS.map(([format, icon, label, key]) => (
          <button
            key={format}
            type="button"
            class="icon-button"
            aria-label={t(label)}
            title={key === '' ? t(label) : `${t(label)} (Ctrl+${key})`}
            aria-pressed={formats.has(format)}
            // The caret stays where it is.
            onPointerDown={(event) => event.preventDefault()}
            onClick={() => press(format)}
          >
            <Icon name={icon} />
          </button>
        ))}
        <PictureButton
          onFiles={(files) => editor.current !== undefined && insertPictures(editor.current, draft, files)}
        />
      </div>
      {linking && (
        <LinkDialog
          onClose={() => setLinking(false)}
          onLink={(address) => {
            setLinking(false);
            if (address === '') editor.current?.removeLink();
            else editor.current?.makeLink(address);
          }}
        />
      )}
    </>
  );
}

function PictureButton({ onFiles }: { readonly onFiles: (files: FileList) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        class="icon-button"
        aria-label={t('compose.picture')}
        title={t('compose.picture')}
        onClick={() => input.current?.click()}
      >
        <Icon name="image" />
      </button>
      <input
        ref={input}
        class="picture-input"
        type="file"
        accept="image/png,image/jpeg,image/gif,image/webp"
        multiple
        hidden
        aria-label={t('compose.picture')}
        onChange={(event) => {
          if (event.currentTarget.files !== null) onFiles(event.currentTarget.files);
          event.currentTarget.value = '';
        }}
      />
    </>
  );
}

function insertPictures(editor: Editor, draft: Draft, files: FileList): void {
  for (const file of files) {
    if (!/^image\/(?:png|jpeg|gif|webp)$/.test(file.type)) {
      draft.attachments.upload(file);
      continue;
    }
    const cid = `${crypto.randomUUID()}@postern`;
    draft.attachments.upload(file, cid);
    editor.insertImage(URL.createObjectURL(file), { 'data-cid': cid, alt: file.name });
  }
  draft.touch();
}

/** Another sender signs otherwise. */
function followIdentity(draft: Draft, root: HTMLElement): () => void {
  let shown = draft.identityId.peek();
  return draft.identityId.subscribe((id) => {
    if (id === shown) return;
    shown = id;
    const before = root.querySelector('[data-signature]');
    const signature = cleanForEditor(htmlSignature(draft.identity), { own: true }).querySelector('[data-signature]');
    if (before !== null) before.replaceWith(...(signature === null ? [] : [signature]));
    else if (signature !== null) root.insertBefore(signature, root.querySelector('blockquote'));
  });
}
