import { newDeliveryId } from '@postern/shared/delivery/delivery-id.ts';
import { DIRECTORY_UNKNOWN_REPLY, refusedStanding } from '@postern/shared/directory/refusal-reply.ts';
import type { OpenedBy } from '@postern/shared/directory/standing.ts';
import * as events from '@postern/shared/runtime/mail-events.ts';
import type {
  AuthAnswer,
  ReceivedEnvelope,
  SaslCredentials,
  SmtpHandlers,
  SmtpSession,
} from '@postern/shared/smtp/listener.ts';
import { type Reply, reply, replyLine } from '@postern/shared/smtp/reply.ts';
import { SUBMISSION_REPLIES } from '@postern/shared/smtp/submission-replies.ts';
import type { StoredAccount } from '../mailstore/mailstore.ts';
import { signInByPassword } from '../sign-in/password.ts';
import type { SignInThrottle } from '../sign-in/sign-in-limits.ts';
import type { TrustedClients } from '../sign-in/trusted-clients.ts';
import { readFutureRelease } from './future-release.ts';
import { destinationOf, type RoomQuestions, refusedAsFull } from './recipients.ts';
import type { DeskParts, Sender, SubmissionDesk } from './submission-desk.ts';
import { submissionTrace } from './trace.ts';

/** What a listener of the hub needs: the same desk, whoever stands before it. */
export interface HubSessionParts
  extends Pick<DeskParts, 'config' | 'hostname' | 'directory' | 'mailstore' | 'expansion' | 'log'>,
    RoomQuestions {
  readonly desk: SubmissionDesk;
  readonly throttle: SignInThrottle;
  /** Servers that may send without signing in; undefined: everybody signs in. */
  readonly servers?: TrustedClients | undefined;
}

interface SessionState {
  user: { readonly account: StoredAccount; readonly openedBy: OpenedBy } | undefined;
  releaseAt: Date | undefined;
  /** As MAIL announced it (RFC 1870); 0 when it did not. */
  sizeBytes: number;
}

const RECIPIENT_OK = reply(250, '2.1.5', 'Recipient accepted');
const NOT_NAMED = reply(554, '5.7.1', 'This network is not served here');
const NOT_HOSTED = reply(553, '5.7.1', 'This sender domain is not hosted here');

/** RFC 6409: the conversation of mail programs (after AUTH), and of named servers, which hand over mail. */
export function hubHandlers(parts: HubSessionParts): SmtpHandlers {
  const { config, hostname, directory, expansion, desk, log, servers } = parts;
  const service = servers === undefined ? 'submission' : 'hub';
  const states = new WeakMap<SmtpSession, SessionState>();
  const stateOf = (session: SmtpSession): SessionState => {
    const state = states.get(session) ?? { user: undefined, releaseAt: undefined, sizeBytes: 0 };
    states.set(session, state);
    return state;
  };
  const refuse = (session: SmtpSession, stage: string, answer: Reply, cause: string, more: Addresses = {}): Reply => {
    const client = session.remoteAddress;
    events.refused(log, { service, session: session.id, client, stage, reply: replyLine(answer), cause, ...more });
    return answer;
  };

  return {
    onConnect(session) {
      if (servers === undefined || servers.hasAddress(session.remoteAddress)) return undefined;
      return refuse(session, 'connect', NOT_NAMED, 'not among hub.intranet.networks');
    },

    async onAuth(session, credentials) {
      const { user, answer } = await authenticate(parts, service, session, credentials);
      if (user !== undefined) stateOf(session).user = user;
      return answer;
    },

    async onMail(session, reversePath, parameters) {
      const state = stateOf(session);
      const release = readFutureRelease(parameters.extra, config.futureReleaseMs, Date.now());
      if (release.kind === 'refused') {
        return refuse(session, 'mail', reply(501, '5.5.4', release.why), 'FUTURERELEASE', { from: reversePath });
      }
      state.releaseAt = release.releaseAt;
      state.sizeBytes = parameters.size ?? 0;
      const refusal =
        state.user === undefined
          ? await refusedDomain(parts, reversePath)
          : ((await refusedStanding(directory, state.user.openedBy)) ??
            (await desk.refusedSender(state.user.openedBy.entry, reversePath)));
      return refusal === undefined
        ? SUBMISSION_REPLIES.senderOk
        : refuse(session, 'mail', refusal.reply, refusal.cause, { from: reversePath });
    },

    async onRecipient(session, { address }, { reversePath }) {
      const destination = await destinationOf(directory, address, expansion);
      const refusal =
        destination.kind === 'found'
          ? await refusedAsFull(parts, destination, stateOf(session).sizeBytes)
          : destination;
      if (refusal === undefined) return RECIPIENT_OK;
      return refuse(session, 'rcpt', refusal.reply, refusal.cause, { from: reversePath, to: address });
    },

    async onData(session, envelope, { content }) {
      const startedAt = performance.now();
      const { user, releaseAt } = stateOf(session);
      const sender: Sender =
        user === undefined
          ? { kind: 'server', address: session.remoteAddress }
          : { kind: 'user', account: user.account, entry: user.openedBy.entry };
      const id = newDeliveryId();
      const recipients = envelope.recipients.map(({ address }) => address);
      const trace = submissionTrace(session, {
        hostname,
        id,
        hideClient: config.hideClientAddress,
        recipients,
        date: new Date(),
      });
      const receipt = await desk.take({
        id,
        sender,
        envelope: plainEnvelope(envelope),
        content,
        trace,
        releaseAt,
        // So that its sender finds it among the submissions, and can undo it.
        clientId: releaseAt === undefined || user === undefined ? undefined : `smtp-${id}`,
      });
      if (receipt.kind === 'refused') {
        return refuse(session, 'data', receipt.reply, receipt.cause, { deliveryId: id, from: envelope.reversePath });
      }
      events.accepted(log, {
        service,
        session: session.id,
        client: session.remoteAddress,
        deliveryId: id,
        messageId: receipt.messageId,
        from: envelope.reversePath,
        to: recipients,
        bytes: receipt.bytes,
        tookMs: Math.round(performance.now() - startedAt),
      });
      return reply(250, '2.0.0', `Queued as ${id}`);
    },

    onRefused(session, stage, answer, cause) {
      refuse(session, stage, answer, cause);
    },
  };
}

interface Addresses {
  readonly deliveryId?: string;
  readonly from?: string;
  readonly to?: string;
}

/** Without the parameters that were ours to read. */
function plainEnvelope({ extra: _, ...envelope }: ReceivedEnvelope): Omit<ReceivedEnvelope, 'extra'> {
  return envelope;
}

async function authenticate(
  parts: HubSessionParts,
  service: string,
  session: SmtpSession,
  credentials: SaslCredentials,
): Promise<{ answer: AuthAnswer; user?: SessionState['user'] }> {
  const refused = (answer: Reply) => ({ answer: { kind: 'refused', reply: answer } as const });
  if (credentials.mechanism === 'OAUTHBEARER') return refused(SUBMISSION_REPLIES.badCredentials);
  const { user, password, authorizationId } = credentials;
  const client = session.remoteAddress;
  const signIn = await signInByPassword(parts, {
    session: session.id,
    service: 'submission',
    client,
    trustedHost: false,
    user,
    password,
    // The listener drops the answer when the client has left.
    gone: () => false,
  });
  if (signIn.kind === 'unavailable' || signIn.kind === 'gone') return refused(SUBMISSION_REPLIES.noSignInNow);
  if (signIn.kind === 'refused') return refused(SUBMISSION_REPLIES.badCredentials);
  const { account, entry, appPassword } = signIn;
  // RFC 4616 §2: nobody acts as somebody else here; what may be sent in whose name is asked at MAIL.
  if (authorizationId !== '' && authorizationId.toLowerCase() !== user.toLowerCase()) {
    events.signInRefused(parts.log, {
      session: session.id,
      service,
      client,
      user,
      why: 'another authorization identity',
    });
    return refused(SUBMISSION_REPLIES.badCredentials);
  }
  events.signedIn(parts.log, { session: session.id, service, client, user });
  return {
    answer: { kind: 'granted', user: account.address },
    user: { account, openedBy: { service: 'submission', entry, appPassword } },
  };
}

/** A server's mail bounces to its sender, and to nobody else. */
async function refusedDomain(
  { config, directory }: HubSessionParts,
  reversePath: string,
): Promise<{ reply: Reply; cause: string } | undefined> {
  if (reversePath === '' || config.intranet?.anySender === true) return undefined;
  const answer = await directory.lookUp(reversePath);
  if (answer.kind === 'unknown') return { reply: DIRECTORY_UNKNOWN_REPLY, cause: answer.cause };
  const hosted = !(answer.kind === 'refused' && answer.why === 'no-such-domain');
  return hosted ? undefined : { reply: NOT_HOSTED, cause: 'a sender of another domain' };
}
