import type { Reply } from '@postern/shared/smtp/reply.ts';

/** Where in the dialogue a rule has its facts. Replies to connect, helo and mail rules are given at RCPT (see policy.ts). */
export type Stage = 'connect' | 'helo' | 'mail' | 'rcpt' | 'data';

/** What one rule says. `reason` is for the log; only the reply is told to the peer. */
export type Verdict =
  /** `exempt`: no later rule is asked about this client. */
  | { readonly kind: 'accept'; readonly reason?: string | undefined; readonly exempt?: boolean | undefined }
  | { readonly kind: 'tempfail' | 'reject'; readonly reply: Reply; readonly reason: string }
  /** Accepted, and into the recipients' Junk. */
  | { readonly kind: 'junk'; readonly reason: string }
  /** Accepted, and to the administrator's quarantine mailbox instead of the recipients'. */
  | { readonly kind: 'quarantine'; readonly reason: string };

export const ACCEPT: Verdict = { kind: 'accept' };

/** What is known of a client when its first recipient is named. */
export interface Subject {
  /** IPv4 where it is one; see plainAddress. */
  readonly client: string;
  readonly helo: string;
  /** `''` for the null reverse-path. */
  readonly reversePath: string;
  readonly recipient: string;
}

/**
 * One rule of policy. It may fetch facts by the DNS or keep bounded state; the decision itself is a pure function in
 * the same file. Each is asked once for what it depends on: a session, an EHLO, a transaction or a recipient.
 */
export interface Rule {
  /** As the log and the configuration call it. */
  readonly name: string;
  readonly stage: Exclude<Stage, 'data'>;
  judge(subject: Subject): Verdict | Promise<Verdict>;
}

/** A verdict in the log: the `policy` field of an event. */
export interface PolicyNote {
  readonly rule: string;
  readonly verdict: Verdict['kind'];
  readonly reason?: string | undefined;
}

/** How a rule's finding is treated. */
export type Action = 'reject' | 'tempfail' | 'junk' | 'accept';

/** The verdict for a finding that is treated so; both replies say what the peer can do about it. */
export function actOn(action: Action, reason: string, replies: { reject: Reply; tempfail: Reply }): Verdict {
  switch (action) {
    case 'reject':
      return { kind: 'reject', reply: replies.reject, reason };
    case 'tempfail':
      return { kind: 'tempfail', reply: replies.tempfail, reason };
    case 'junk':
      return { kind: 'junk', reason };
    case 'accept':
      return { kind: 'accept', reason };
  }
}
