import { useLayoutEffect, useRef } from 'preact/hooks';
import { t } from '../i18n/i18n.ts';
import type { Draft } from './draft.ts';
import { htmlOfText } from './plain-text.ts';
import { textSignature } from './start.ts';

/** The text without formats. */
export function PlainEditor({ draft, autoFocus }: { readonly draft: Draft; readonly autoFocus: boolean }) {
  const area = useRef<HTMLTextAreaElement>(null);
  // Before it is seen: whoever types at once must not lose a letter.
  useLayoutEffect(() => {
    const element = area.current;
    if (element === null) return;
    element.value = draft.body.text;
    element.setSelectionRange(0, 0);
    if (autoFocus) element.focus();
    draft.readFrom(() => ({ html: undefined, text: element.value, cids: [] }));
    let signed = textSignature(draft.identity);
    const stop = draft.identityId.subscribe(() => {
      const signature = textSignature(draft.identity);
      if (signature === signed) return;
      const at = signed === '' ? -1 : element.value.indexOf(signed);
      element.value =
        at < 0
          ? `${element.value}${signature}`
          : element.value.slice(0, at) + signature + element.value.slice(at + signed.length);
      signed = signature;
    });
    return () => {
      stop();
      draft.body = { html: htmlOfText(element.value), text: element.value, cids: [] };
      draft.readFrom(undefined);
    };
  }, []);
  return (
    <textarea
      ref={area}
      class="compose-text compose-plain"
      aria-label={t('compose.text')}
      onInput={() => draft.touch()}
    />
  );
}
