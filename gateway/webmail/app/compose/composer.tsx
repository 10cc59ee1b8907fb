import { signal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import './compose.css';
import { IconButton, Spinner } from '../components/button.tsx';
import { confirmFirst } from '../components/dialog.tsx';
import { Icon } from '../components/icon.tsx';
import { Menu, type MenuItem } from '../components/menu.tsx';
import { t } from '../i18n/i18n.ts';
import { composing as allComposing, type Composing, closeCompose } from '../state/compose.ts';
import { failed } from '../state/failed.ts';
import { mailboxByRole } from '../state/mailboxes.ts';
import { preferences } from '../state/preferences.ts';
import { goTo } from '../state/route.ts';
import { registerShortcuts } from '../state/shortcuts.ts';
import { showToast } from '../state/toasts.ts';
import { AttachmentList } from './attachment-list.tsx';
import { Draft } from './draft.ts';
import { announcesAttachment } from './forgotten-attachment.ts';
import { HeaderFields } from './header-fields.tsx';
import { PlainEditor } from './plain-editor.tsx';
import { RichText } from './rich-text.tsx';
import { ScheduleDialog } from './schedule-dialog.tsx';
import { send } from './send.ts';
import { offerUndo } from './sent-toast.ts';
import { beginDraft } from './start.ts';

/** Of the windows one is open, the others are bars; undefined leaves all of them bars. */
const openId = signal<number | undefined>(undefined);
const large = signal(false);

/** Writes one message. Loaded when the first is begun. */
export function Composer({ composing }: { readonly composing: Composing }) {
  const { id, start } = composing;
  const [draft, setDraft] = useState<Draft | undefined>(undefined);
  useEffect(() => {
    let current = true;
    openId.value = id;
    beginDraft(start).then(
      (first) => current && setDraft(new Draft(first)),
      (error: unknown) => {
        failed(error);
        closeCompose(id);
      },
    );
    return () => {
      current = false;
      if (openId.peek() === id) openId.value = undefined;
    };
  }, []);
  const isOpen = openId.value === id;
  const order = allComposing.value.filter((each) => each.id !== openId.value).findIndex((each) => each.id === id);
  if (draft === undefined) {
    return (
      <section class="compose compose-open" aria-label={t('compose.title')}>
        <Spinner label={t('app.loading')} />
      </section>
    );
  }
  return (
    <ComposeWindow
      id={id}
      draft={draft}
      isOpen={isOpen}
      place={openId.value === undefined ? order : order + 1}
      writesFirst={start.kind === 'reply' || start.kind === 'reply-all'}
    />
  );
}

function ComposeWindow(props: {
  readonly id: number;
  readonly draft: Draft;
  readonly isOpen: boolean;
  /** How many bars and windows stand to the right of a bar. */
  readonly place: number;
  /** Whether the text is begun before the recipients. */
  readonly writesFirst: boolean;
}) {
  const { id, draft, isOpen } = props;
  const box = useRef<HTMLElement>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const [scheduling, setScheduling] = useState(false);
  useSavingAtEnd(draft);

  const close = async (): Promise<void> => {
    await draft.attachments.settled();
    const touched = !draft.isSaved;
    await draft.save();
    draft.close();
    closeCompose(id);
    if (touched || draft.saveState.peek() === 'saved') showToast({ kind: 'done', text: t('compose.draftSaved') });
  };
  const discard = async (): Promise<void> => {
    const isEmpty = draft.saveState.peek() === 'untouched' && draft.savedId === undefined;
    if (!isEmpty && !(await confirmFirst(t('compose.discardText'), t('compose.discard')))) return;
    closeCompose(id);
    await draft.discard();
  };
  const sendNow = async (sendAt?: string): Promise<void> => {
    const wrong = whyNot(draft);
    setProblem(wrong);
    if (wrong !== '' || busy || !(await isMeant(draft))) return;
    setBusy(true);
    try {
      const delayS = preferences.value.undoSendS;
      const sent = await send(draft, sendAt === undefined ? { delayS } : { sendAt });
      closeCompose(id);
      offerUndo(sent, sendAt === undefined ? { delayS } : { sendAt });
    } catch (error) {
      setBusy(false);
      setProblem(t('compose.notSent', { why: error instanceof Error ? error.message : String(error) }));
    }
  };
  const act = useRef({ close, sendNow });
  act.current = { close, sendNow };
  useLayoutEffect(() => {
    if (!isOpen) return;
    return registerShortcuts([
      {
        keys: ['Mod+Enter'],
        name: 'compose.send',
        group: 'compose',
        whileTyping: true,
        run: () => void act.current.sendNow(),
      },
      { keys: ['Escape'], name: 'compose.close', group: 'compose', run: () => void act.current.close().catch(failed) },
    ]);
  }, [isOpen]);

  const title = draft.subject.value.trim() || t('compose.title');
  if (!isOpen) {
    return (
      <section class="compose compose-bar" aria-label={title} style={{ '--place': props.place }}>
        <button type="button" class="compose-bar-open" onClick={() => (openId.value = id)}>
          {title}
        </button>
        <IconButton icon="close" label={t('compose.close')} onClick={() => void close().catch(failed)} />
      </section>
    );
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.isComposing) return;
    // Keys of the list behind mean nothing here, and a dialog of this window has keys of its own.
    event.stopPropagation();
    if ((event.target as Element).closest('dialog') !== null) return;
    const sends = event.key === 'Enter' && (event.ctrlKey || event.metaKey);
    if (!sends && event.key !== 'Escape') return;
    event.preventDefault();
    void (sends ? sendNow() : close().catch(failed));
  };
  const attach = (files: Iterable<File>): void => {
    for (const file of files) draft.attachments.upload(file);
  };
  const rich = draft.richText.value;
  const more: MenuItem[] = [
    { label: t('compose.richText'), checked: rich, run: () => (draft.richText.value = !rich) },
    { label: t('compose.scheduled'), icon: 'clock', run: () => goTo({ view: 'settings', page: 'scheduled' }) },
  ];
  return (
    <section
      ref={box}
      class={`compose compose-open${large.value ? ' compose-large' : ''}`}
      role="dialog"
      aria-label={title}
      onKeyDown={onKeyDown}
      onDragOver={(event) => event.dataTransfer?.types.includes('Files') && event.preventDefault()}
      onDrop={(event) => {
        if (event.dataTransfer === null || event.dataTransfer.files.length === 0) return;
        event.preventDefault();
        attach(event.dataTransfer.files);
      }}
      onPaste={(event) => {
        const files = event.clipboardData?.files;
        // Pictures in the rich text are the editor's.
        if (event.defaultPrevented || files === undefined || files.length === 0) return;
        event.preventDefault();
        attach(files);
      }}
    >
      <div class="compose-head">
        <h2>{title}</h2>
        <SaveNote draft={draft} />
        <IconButton icon="minus" label={t('compose.minimise')} onClick={() => (openId.value = undefined)} />
        <IconButton
          icon="size"
          class="compose-resize"
          label={t(large.value ? 'compose.smaller' : 'compose.larger')}
          onClick={() => (large.value = !large.value)}
        />
        <IconButton icon="close" label={t('compose.close')} hint="Esc" onClick={() => void close().catch(failed)} />
      </div>
      <HeaderFields draft={draft} autoFocus={!props.writesFirst} />
      <div class="compose-body">
        {rich ? (
          <RichText key="rich" draft={draft} autoFocus={props.writesFirst} />
        ) : (
          <PlainEditor key="plain" draft={draft} autoFocus={props.writesFirst} />
        )}
      </div>
      <AttachmentList attachments={draft.attachments} />
      <p class="problem compose-problem" role="alert">
        {problem}
      </p>
      <footer class="compose-foot">
        <button
          type="button"
          class="button button-primary"
          disabled={busy}
          title="Ctrl+Enter"
          onClick={() => void sendNow()}
        >
          <Icon name="sent" />
          {t('compose.send')}
        </button>
        <IconButton icon="clock" label={t('compose.schedule')} disabled={busy} onClick={() => setScheduling(true)} />
        <AttachButton onFiles={attach} />
        <span class="compose-foot-rest" />
        <Menu label={t('app.more')} button={<Icon name="more" />} items={more} class="compose-more" />
        <IconButton icon="trash" label={t('compose.discard')} onClick={() => void discard().catch(failed)} />
      </footer>
      {scheduling && (
        <ScheduleDialog
          onClose={() => setScheduling(false)}
          onChoose={(sendAt) => {
            setScheduling(false);
            void sendNow(sendAt);
          }}
        />
      )}
    </section>
  );
}

function SaveNote({ draft }: { readonly draft: Draft }) {
  const state = draft.saveState.value;
  const text = {
    untouched: '',
    changed: '',
    saving: t('compose.saving'),
    saved: t('compose.saved'),
    failed: t('compose.saveFailed'),
  }[state];
  return (
    <span class={`compose-note quiet compose-note-${state}`} role="status">
      {text}
    </span>
  );
}

function AttachButton({ onFiles }: { readonly onFiles: (files: FileList) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <IconButton icon="clip" label={t('compose.attach')} onClick={() => input.current?.click()} />
      <input
        ref={input}
        class="file-input"
        type="file"
        multiple
        hidden
        aria-label={t('compose.attach')}
        onChange={(event) => {
          if (event.currentTarget.files !== null) onFiles(event.currentTarget.files);
          event.currentTarget.value = '';
        }}
      />
    </>
  );
}

/** A page that goes takes nothing with it: what was typed last is sent after it, and uploads ask first. */
function useSavingAtEnd(draft: Draft): void {
  useEffect(() => {
    const hidden = (): void => {
      if (document.visibilityState === 'hidden') void draft.save().catch(() => undefined);
    };
    const gone = (): void => draft.saveAtEnd(mailboxByRole('drafts')?.id);
    const leaving = (event: BeforeUnloadEvent): void => {
      if (draft.attachments.uploading) event.preventDefault();
    };
    document.addEventListener('visibilitychange', hidden);
    window.addEventListener('pagehide', gone);
    window.addEventListener('beforeunload', leaving);
    return () => {
      document.removeEventListener('visibilitychange', hidden);
      window.removeEventListener('pagehide', gone);
      window.removeEventListener('beforeunload', leaving);
    };
  }, [draft]);
}

/** Why a message cannot be sent as it is; empty when it can. */
function whyNot(draft: Draft): string {
  const wrong = draft.wrongRecipients.value;
  if (wrong.length > 0) return t('compose.wrongRecipients', { addresses: wrong.map(({ email }) => email).join(', ') });
  const { to, cc, bcc } = draft;
  if (to.value.length + cc.value.length + bcc.value.length === 0) return t('compose.noRecipients');
  if (draft.attachments.list.value.some((each) => each.problem !== undefined)) return t('compose.wrongFiles');
  return '';
}

/** Asks where something seems to be missing. */
async function isMeant(draft: Draft): Promise<boolean> {
  const { text } = draft.readBody();
  const files = draft.attachments.list.peek();
  if (files.length === 0 && announcesAttachment(draft.subject.peek(), text)) {
    if (!(await confirmFirst(t('compose.forgotten'), t('compose.sendAnyway')))) return false;
  }
  if (draft.subject.peek().trim() !== '') return true;
  return confirmFirst(t('compose.noSubject'), t('compose.sendAnyway'));
}
