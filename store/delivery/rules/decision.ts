import { createHash } from 'node:crypto';
import { type FlagSet, systemFlagBit } from '../../mailstore/flags.ts';
import { checkMailboxName } from '../../mailstore/mailbox-name.ts';
import type {
  Delivery,
  DeliveryTarget,
  MailboxInfo,
  OutgoingMessage,
  RememberedKey,
} from '../../mailstore/mailstore.ts';
import type { SieveMessage } from '../../sieve/message.ts';
import type { FileAction, RejectAction, SeenMark } from '../../sieve/run.ts';
import type { ArrivedMessage, LocalRecipient } from '../arrived-message.ts';
import { senderIsAuthenticated } from './automatic-mail.ts';
import type { ChainOutcome } from './chain.ts';
import { textField } from './composed-message.ts';
import { notification } from './notification.ts';
import { hasComeRound, redirectedMessage } from './redirected-message.ts';
import { rejectionNotice, rejectionReply, wantsNotification } from './rejection.ts';
import { vacationKey, vacationReply } from './vacation-reply.ts';

/** What actions come to, before bodies are prepared for the store. */
export interface Decision {
  readonly into: readonly DeliveryTarget[];
  readonly outgoing: readonly (Omit<OutgoingMessage, 'content'> & { readonly bytes: Buffer })[];
  readonly refused: Pick<Delivery, 'outcome' | 'reply'> | undefined;
  readonly remember: readonly RememberedKey[];
  /** The message with a changed header; undefined: as it came. */
  readonly rewritten: Buffer | undefined;
  /** Redirects that would have gone round in a circle: the message is kept. */
  readonly loops: number;
}

export interface DecisionContext {
  readonly hostname: string;
  readonly arrived: ArrivedMessage;
  readonly recipient: LocalRecipient;
  readonly message: SieveMessage;
  /** Where `keep` keeps. */
  readonly keepTarget: DeliveryTarget;
  readonly mailboxes: readonly MailboxInfo[];
}

type Outgoing = Decision['outgoing'][number];

/** Turns actions into what one transaction commits. Pure. */
export function decide(outcome: ChainOutcome, context: DecisionContext): Decision {
  const { arrived, recipient, message } = context;
  const owner = recipient.account.address.toLowerCase();
  const targets = new Map<string, DeliveryTarget>();
  const outgoing: Outgoing[] = [];
  let refused: Decision['refused'];
  let loops = 0;
  const messageId = (): string =>
    `${arrived.deliveryId}.${recipient.account.id}.${outgoing.length + 1}@${context.hostname}`;
  const file = (action: FileAction): void => addTarget(targets, targetOf(action, context));
  const junk = arrived.placement === 'junk';
  for (const action of outcome.actions) {
    switch (action.kind) {
      case 'file':
        file(action);
        break;
      case 'discard':
        break;
      case 'redirect':
        // A redirect to oneself is a keep; one that comes round is not sent on again.
        if (action.address.toLowerCase() === owner) file(PLAIN_KEEP);
        else if (hasComeRound(message, owner)) {
          loops++;
          file(PLAIN_KEEP);
        } else if (!outgoing.some((each) => each.cause === 'redirect' && sendsTo(each, action.address))) {
          outgoing.push({
            cause: 'redirect',
            reversePath: arrived.reversePath,
            recipients: [{ address: action.address }],
            bytes: redirectedMessage(message, owner),
          });
        }
        break;
      case 'reject':
        refused = refusal(action, context, messageId, outgoing);
        break;
      case 'vacation': {
        if (junk) break;
        const reply = vacationReply(action, {
          message,
          reversePath: arrived.reversePath,
          ownAddresses: ownAddresses(recipient),
          receivedAt: arrived.receivedAt,
          messageId: messageId(),
        });
        if (typeof reply === 'string') break;
        const untilMs = arrived.receivedAt.getTime() + action.seconds * 1000;
        outgoing.push({
          cause: 'vacation',
          // RFC 5230 §5.1.
          reversePath: '',
          recipients: [{ address: arrived.reversePath, notify: ['NEVER'] }],
          bytes: reply,
          once: { key: vacationKey(action.handle, arrived.reversePath), untilMs },
        });
        break;
      }
      case 'notify': {
        if (junk) break;
        const made = notification(action, { message, owner, receivedAt: arrived.receivedAt, messageId: messageId() });
        if (typeof made === 'string') break;
        outgoing.push({
          cause: 'notify',
          // RFC 5436 §2.7: a null reverse-path stays null.
          reversePath: arrived.reversePath === '' ? '' : owner,
          recipients: made.recipients.map((address) => ({ address, notify: ['NEVER'] })),
          bytes: made.content,
        });
      }
    }
  }
  const rendered = message.render(textField);
  return {
    into: [...targets.values()],
    outgoing,
    refused,
    remember: outcome.seen.map((mark) => rememberedOf(mark, arrived.receivedAt)),
    rewritten: rendered === message.bytes ? undefined : rendered,
    loops,
  };
}

const PLAIN_KEEP: FileAction = {
  kind: 'file',
  mailbox: undefined,
  flags: undefined,
  create: false,
  specialUse: undefined,
  mailboxId: undefined,
};

/** Key under which the account remembers an id of `duplicate` (RFC 7352). */
export function duplicateKey(key: string): Buffer {
  return createHash('sha256').update(`duplicate\0${key}`).digest();
}

function rememberedOf({ key, seconds, isNew }: SeenMark, at: Date): RememberedKey {
  return { key: duplicateKey(key), untilMs: at.getTime() + seconds * 1000, mustBeNew: isNew };
}

function ownAddresses({ account, address, originalAddress }: LocalRecipient): string[] {
  return [account.address, address, ...(originalAddress === undefined ? [] : [originalAddress])];
}

const sendsTo = ({ recipients }: Outgoing, address: string): boolean =>
  recipients.some((each) => each.address.toLowerCase() === address.toLowerCase());

/** RFC 5228 §2.10.3: one message a mailbox, with the flags of all actions that file it there. */
function addTarget(targets: Map<string, DeliveryTarget>, target: DeliveryTarget): void {
  const key = `${target.specialUse ?? ''}\n${target.mailbox}`;
  const before = targets.get(key);
  if (before === undefined) {
    targets.set(key, target);
    return;
  }
  targets.set(key, {
    ...before,
    create: before.create === true || target.create === true,
    flags: {
      system: before.flags.system | target.flags.system,
      keywords: [...new Set([...before.flags.keywords, ...target.flags.keywords])],
    },
  });
}

function targetOf(action: FileAction, { keepTarget, mailboxes }: DecisionContext): DeliveryTarget {
  const flags = flagSet(action.flags ?? []);
  // RFC 9042 §4: the id goes before the name.
  const byId = action.mailboxId === undefined ? undefined : mailboxes.find(({ id }) => `M${id}` === action.mailboxId);
  if (byId !== undefined) return { mailbox: byId.name, flags };
  if (action.mailbox === undefined) return { ...keepTarget, flags };
  const checked = checkMailboxName(action.mailbox);
  const wanted = action.specialUse?.toLowerCase();
  const specialUse = SPECIAL_USES.find((use) => use.toLowerCase() === wanted);
  // A name that no mailbox can have: the message is kept (RFC 5228 §4.1).
  if (checked.kind !== 'name') return specialUse ? { ...keepTarget, specialUse, flags } : { ...keepTarget, flags };
  return { mailbox: checked.name, ...(specialUse && { specialUse }), create: action.create, flags };
}

const SPECIAL_USES = ['\\Drafts', '\\Sent', '\\Junk', '\\Trash', '\\Archive'] as const;

function flagSet(names: readonly string[]): FlagSet {
  let system = 0;
  const keywords: string[] = [];
  for (const name of names) {
    const bit = systemFlagBit(name);
    if (bit !== 0) system |= bit;
    else if (!name.startsWith('\\')) keywords.push(name);
  }
  return { system, keywords };
}

/** By reply, or by an MDN where the text must stay exact and its sender is known (RFC 5429 §2.2). */
function refusal(
  action: RejectAction,
  { hostname, arrived, recipient, message }: DecisionContext,
  messageId: () => string,
  outgoing: Outgoing[],
): Decision['refused'] {
  if (!wantsNotification(action) || arrived.reversePath === '' || !senderIsAuthenticated(message)) {
    return { outcome: 'failed', reply: rejectionReply(action) };
  }
  outgoing.push({
    cause: 'reject',
    reversePath: '',
    recipients: [{ address: arrived.reversePath, notify: ['NEVER'] }],
    bytes: rejectionNotice(action, {
      hostname,
      owner: recipient.account.address,
      reversePath: arrived.reversePath,
      originalMessageId: message.header.first('message-id'),
      original: arrived.bytes.subarray(arrived.traceBytes),
      receivedAt: arrived.receivedAt,
      messageId: messageId(),
    }),
  });
  return undefined;
}
