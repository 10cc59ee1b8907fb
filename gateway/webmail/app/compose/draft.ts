import { computed, effect, type Signal, signal } from '@preact/signals';
import { call, callAll, keepCalling, MethodFailed } from '../jmap/request.ts';
import type { Address, EmailBody, GetAnswer, SetAnswer } from '../jmap/types.ts';
import { type Identity, identities } from '../state/identities.ts';
import { ensureMailbox } from '../state/mailboxes.ts';
import { isAddress } from './addresses.ts';
import { Attachments } from './attachments.ts';
import { emailOf, type WrittenMessage } from './message.ts';
import type { FirstDraft } from './start.ts';

/** What an editor (of rich or of plain text) tells of its content. */
export interface BodyReader {
  /** Undefined in plain text. */
  readonly html: string | undefined;
  readonly text: string;
  /** Pictures that the text shows. */
  readonly cids: readonly string[];
}

export type SaveState = 'untouched' | 'changed' | 'saving' | 'saved' | 'failed';

const SAVE_AFTER_MS = 1_500;
/** A browser sends no more than 64 KiB after a page was closed. */
const MOST_KEPT_CHARS = 60_000;

/** One message that is being written: its fields, its files, and its copy among the drafts. */
export class Draft {
  readonly identityId: Signal<string>;
  readonly to: Signal<readonly Address[]>;
  readonly cc: Signal<readonly Address[]>;
  readonly bcc: Signal<readonly Address[]>;
  readonly subject: Signal<string>;
  readonly richText: Signal<boolean>;
  readonly saveState = signal<SaveState>('untouched');
  readonly attachments: Attachments;
  readonly first: FirstDraft;
  /** Id of the copy among the drafts; undefined before the first is saved. */
  savedId: string | undefined;
  /** The text that the next editor begins with, when it is another than the one before. */
  body: { readonly html: string; readonly text: string; readonly cids: readonly string[] };
  #reader: (() => BodyReader) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #saving: Promise<void> = Promise.resolve();
  #version = 0;
  #savedVersion = 0;
  readonly #stopWatching: () => void;

  constructor(first: FirstDraft) {
    this.first = first;
    this.identityId = signal(first.identity.id);
    this.to = signal(first.to);
    this.cc = signal(first.cc);
    this.bcc = signal(first.bcc);
    this.subject = signal(first.subject);
    this.richText = signal(first.richText);
    this.savedId = first.savedId;
    this.body = {
      html: first.html,
      text: first.text,
      cids: first.parts.flatMap(({ cid }) => (cid === null ? [] : [cid])),
    };
    this.attachments = new Attachments(() => this.touch());
    this.attachments.addStored(first.parts);
    let isFirst = true;
    this.#stopWatching = effect(() => {
      // Named so that each of them is watched.
      void [this.identityId, this.to, this.cc, this.bcc, this.subject, this.richText].map((each) => each.value);
      if (!isFirst) this.touch();
      isFirst = false;
    });
  }

  readonly wrongRecipients = computed(() =>
    [...this.to.value, ...this.cc.value, ...this.bcc.value].filter(({ email }) => !isAddress(email)),
  );

  get identity(): Identity {
    return identities.value.find(({ id }) => id === this.identityId.peek()) ?? this.first.identity;
  }

  /** The editor that holds the text from now on. */
  readFrom(reader: (() => BodyReader) | undefined): void {
    this.#reader = reader;
  }

  readBody(): BodyReader {
    return this.#reader?.() ?? { ...this.body, html: this.richText.peek() ? this.body.html : undefined };
  }

  /** Something was changed: it is saved when the writer pauses. */
  touch(): void {
    this.#version += 1;
    this.saveState.value = 'changed';
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.save().catch(() => undefined), SAVE_AFTER_MS);
  }

  get isSaved(): boolean {
    return this.#version === this.#savedVersion;
  }

  message(): WrittenMessage {
    const { html, text, cids } = this.readBody();
    const { name, email, replyTo } = this.identity;
    return {
      from: { name: name === '' ? null : name, email },
      replyTo,
      to: this.to.peek(),
      cc: this.cc.peek(),
      bcc: this.bcc.peek(),
      subject: this.subject.peek(),
      text,
      html,
      // A picture that the text does not show any more goes; in plain text those that were written into it are files.
      attachments: this.attachments.list
        .peek()
        .flatMap((each) =>
          each.cid === undefined || cids.includes(each.cid)
            ? [each]
            : html === undefined
              ? [{ ...each, cid: undefined }]
              : [],
        ),
      inReplyTo: this.first.inReplyTo,
      references: this.first.references,
    };
  }

  /** Puts a copy among the drafts in place of the one before. One at a time. @throws what the request does */
  save(): Promise<void> {
    clearTimeout(this.#timer);
    this.#saving = this.#saving.catch(() => undefined).then(() => (this.isSaved ? undefined : this.#saveNow()));
    return this.#saving;
  }

  /** Until files and copy are at rest, so that the blobs which are named are there. */
  async settled(): Promise<void> {
    clearTimeout(this.#timer);
    await this.attachments.settled();
    clearTimeout(this.#timer);
    await this.#saving.catch(() => undefined);
  }

  async #saveNow(): Promise<void> {
    const version = this.#version;
    this.saveState.value = 'saving';
    try {
      const drafts = await ensureMailbox('drafts');
      const message = this.message();
      const answer = await call<SetAnswer>('Email/set', { create: { draft: emailOf(message, drafts.id) } });
      const made = answer.created?.draft;
      if (made === undefined) throw refused(answer);
      const before = this.savedId;
      this.savedId = made.id;
      this.#savedVersion = version;
      const stored = message.attachments.filter(({ blobId }) => blobId !== undefined);
      const [got] = await callAll([
        ['Email/get', { ids: [made.id], properties: ['id', 'attachments'] }],
        ...(before === undefined ? [] : [['Email/set', { destroy: [before] }] as const]),
      ]);
      const parts = got instanceof MethodFailed ? [] : ((got as GetAnswer<EmailBody>).list[0]?.attachments ?? []);
      this.attachments.useStored(stored, parts);
      this.saveState.value = this.isSaved ? 'saved' : 'changed';
    } catch (error) {
      this.saveState.value = 'failed';
      throw error;
    }
  }

  /** The page goes: what is not saved is handed to the browser, which sends it after the page's end. */
  saveAtEnd(draftsId: string | undefined): void {
    if (this.isSaved || draftsId === undefined) return;
    const email = emailOf(this.message(), draftsId);
    if (JSON.stringify(email).length > MOST_KEPT_CHARS) return;
    // The copy before stays: nobody would see it if this one were refused.
    keepCalling([['Email/set', { create: { draft: email } }]]);
    this.#savedVersion = this.#version;
  }

  /** Takes the copy away from the drafts. @throws what the request does */
  async discard(): Promise<void> {
    this.close();
    await this.#saving.catch(() => undefined);
    if (this.savedId !== undefined) await call('Email/set', { destroy: [this.savedId] });
  }

  /** Nothing is saved any more. */
  close(): void {
    clearTimeout(this.#timer);
    this.#stopWatching();
    this.attachments.stop();
    this.#savedVersion = this.#version;
  }
}

export function refused({ notCreated, notUpdated }: Pick<SetAnswer, 'notCreated' | 'notUpdated'>): Error {
  const error = Object.values({ ...notCreated, ...notUpdated })[0];
  return new Error(error?.description ?? error?.type ?? 'refused');
}
