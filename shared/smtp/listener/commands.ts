import { isPositive, type Reply, reply } from '../reply.ts';
import { authenticate } from './auth.ts';
import type { HardenedConnection } from './connection.ts';
import { refusalOf } from './data-refusal.ts';
import { parseMail, parseRecipient } from './mail-command.ts';
import { refuse } from './own-refusal.ts';
import type { RefusalStage } from './session.ts';
import { Transaction } from './transaction.ts';

interface Command {
  readonly stage: RefusalStage;
  /** Moves no mail; counted against `junkCommands`. */
  readonly junk: boolean;
  /** Undefined: the command has answered by itself. */
  run(connection: HardenedConnection, line: string): Promise<Reply | undefined> | Reply | undefined;
}

const SAY_MAIL = reply(503, '5.5.1', 'Say MAIL first');

const NOT_OFFERED_REPLY = reply(502, '5.5.1', 'Command not offered');

const NOT_OFFERED: Command = {
  stage: 'command',
  junk: false,
  run: (c) => refuse(c, 'command', NOT_OFFERED_REPLY),
};

/** RFC 5321 §4.1.1, RFC 2033 §4 and RFC 3207: every command that is known, offered or not. */
export const COMMANDS = {
  EHLO: { stage: 'helo', junk: true, run: (c, line) => hello(c, line, 'EHLO') },
  HELO: { stage: 'helo', junk: true, run: (c, line) => hello(c, line, 'HELO') },
  LHLO: { stage: 'helo', junk: true, run: (c, line) => hello(c, line, 'LHLO') },
  MAIL: { stage: 'mail', junk: false, run: mail },
  RCPT: { stage: 'rcpt', junk: false, run: recipient },
  DATA: { stage: 'data', junk: false, run: data },
  RSET: {
    stage: 'command',
    junk: true,
    run: (c, line) => {
      if (line.length > 4) return refuse(c, 'command', syntax('RSET'));
      c.resetTransaction();
      return reply(250, '2.0.0', 'OK');
    },
  },
  NOOP: { stage: 'command', junk: true, run: () => reply(250, '2.0.0', 'OK') },
  QUIT: {
    stage: 'command',
    junk: false,
    run: (c, line) => {
      if (line.length > 4) return refuse(c, 'command', syntax('QUIT'));
      c.quit();
      return undefined;
    },
  },
  HELP: { stage: 'command', junk: true, run: () => reply(214, '2.0.0', 'See RFC 5321') },
  // RFC 5321 §7.3: an answer that tells nobody who lives here.
  VRFY: {
    stage: 'command',
    junk: true,
    run: (c, line) =>
      line.length > 5
        ? reply(252, '2.0.0', 'Send mail, and delivery will be tried')
        : refuse(c, 'command', syntax('VRFY string')),
  },
  EXPN: NOT_OFFERED,
  STARTTLS: { stage: 'command', junk: false, run: startTls },
  AUTH: { stage: 'auth', junk: false, run: authenticate },
  BDAT: { stage: 'data', junk: false, run: chunk },
  ETRN: NOT_OFFERED,
  TURN: NOT_OFFERED,
  ATRN: NOT_OFFERED,
  SEND: NOT_OFFERED,
  SOML: NOT_OFFERED,
  SAML: NOT_OFFERED,
} as const satisfies Record<string, Command>;

export type CommandName = keyof typeof COMMANDS;

function syntax(form: string): Reply {
  return reply(501, '5.5.4', `Syntax: ${form}`);
}

function hello(c: HardenedConnection, line: string, verb: 'EHLO' | 'HELO' | 'LHLO'): Reply | undefined {
  // RFC 2033 §4.1: LMTP uses LHLO, and HELO and EHLO must not be answered with success there.
  if ((verb === 'LHLO') !== c.server.lmtp) return refuse(c, 'helo', reply(500, '5.5.1', `${verb} is not spoken here`));
  const name = line.slice(5).trim();
  // RFC 5321 §4.1.3 and §2.3.5 leave much to the world as it is; what reaches logs and headers is bounded.
  if (!/^[!-~\u0080-\u{10FFFF}]{1,255}$/u.test(name)) return refuse(c, 'helo', syntax(`${verb} hostname`));
  c.resetTransaction();
  c.heloName = name;
  c.greetedBy = verb;
  const { hostname } = c.server.settings;
  c.say.lines(250, verb === 'HELO' ? [hostname] : [hostname, ...c.server.keywords(c)]);
  return undefined;
}

/** RFC 3207 §4: no parameter; the session begins anew inside TLS. */
function startTls(c: HardenedConnection, line: string): Reply | undefined {
  if (line.length > 8) return refuse(c, 'command', syntax('STARTTLS'));
  if (c.secure) return refuse(c, 'command', reply(503, '5.5.1', 'TLS is active already'));
  if (!c.server.offersStartTls) return refuse(c, 'command', NOT_OFFERED_REPLY);
  c.startTls(() => undefined);
  return undefined;
}

function mail(c: HardenedConnection, line: string): Reply | Promise<Reply> {
  if (c.greetedBy === undefined)
    return refuse(c, 'mail', reply(503, '5.5.1', `Say ${c.server.lmtp ? 'LHLO' : 'EHLO'} first`));
  // RFC 4954 §6.
  if (c.server.settings.auth?.required === true && c.user === undefined) {
    return refuse(c, 'mail', reply(530, '5.7.0', 'Authentication required'));
  }
  // RFC 5321 §4.1.4: no MAIL within a transaction.
  if (c.transaction !== undefined) return refuse(c, 'mail', reply(503, '5.5.1', 'A transaction is open already'));
  const parsed = parseMail(line, context(c, false));
  if (!parsed.ok) return refuse(c, 'mail', parsed.reply);
  const { reversePath, parameters } = parsed.value;
  return Promise.resolve(c.handlers.onMail(c.peer, reversePath, parameters)).then((answer) => {
    if (isPositive(answer)) c.transaction = new Transaction(reversePath, parameters);
    return answer;
  });
}

function recipient(c: HardenedConnection, line: string): Reply | Promise<Reply> {
  const transaction = c.transaction;
  if (transaction === undefined) return refuse(c, 'rcpt', SAY_MAIL);
  if (transaction.reception !== undefined) {
    return refuse(c, 'rcpt', reply(503, '5.5.1', 'The message has begun already'));
  }
  transaction.attempted++;
  // RFC 5321 §4.5.3.1.10: 452, so that the client sends to the rest in another transaction.
  if (transaction.recipients.length >= c.server.limits.maxRecipients) {
    return refuse(c, 'rcpt', reply(452, '4.5.3', 'Too many recipients'));
  }
  const parsed = parseRecipient(line, context(c, transaction.parameters.smtpUtf8));
  if (!parsed.ok) return refuse(c, 'rcpt', parsed.reply);
  const to = parsed.value;
  return Promise.resolve(c.handlers.onRecipient(c.peer, to, transaction.envelope())).then((answer) => {
    if (isPositive(answer) && c.transaction === transaction) transaction.recipients.push(to);
    return answer;
  });
}

function data(c: HardenedConnection, line: string): Reply | undefined {
  if (line.length > 4) return refuse(c, 'data', syntax('DATA'));
  const refusal = notReady(c, c.transaction);
  if (refusal !== undefined) return refuse(c, 'data', refusal);
  // RFC 3030 §2: DATA and BDAT are not mixed in a transaction.
  if (c.transaction?.reception !== undefined) {
    return refuse(c, 'data', reply(503, '5.5.1', 'BDAT was used in this transaction'));
  }
  if (c.transaction !== undefined) c.intake.beginData(c.transaction);
  return undefined;
}

/** RFC 3030 §2: the octets follow at once, whatever the answer is. */
function chunk(c: HardenedConnection, line: string): undefined {
  const words = /^BDAT (\d{1,15})( LAST)?$/i.exec(line);
  const octets = Number(words?.[1]);
  if (words === null) {
    // Nobody knows how many octets follow, nor where commands begin again.
    c.giveUp('data', syntax('BDAT octets [LAST]'), 'BDAT without its size');
  } else if (octets > c.server.limits.maxMessageBytes) {
    c.giveUp('data', refusalOf('size', c.server.limits), 'size');
  } else {
    const { transaction } = c;
    const refusal = notReady(c, transaction);
    if (transaction === undefined || refusal !== undefined) {
      c.intake.dropChunk(octets, refuse(c, 'data', refusal ?? SAY_MAIL));
    } else c.intake.beginChunk(transaction, octets, words[2] !== undefined);
  }
  return undefined;
}

/** Why no message can begin now. */
function notReady(c: HardenedConnection, transaction: Transaction | undefined): Reply | undefined {
  if (transaction === undefined) return SAY_MAIL;
  if (transaction.recipients.length > 0) return undefined;
  // RFC 5321 §3.3 allows 503 or 554; RFC 2033 §4.2 wants 503.
  const none = transaction.attempted === 0 || c.server.lmtp;
  return none ? reply(503, '5.5.1', 'No valid recipients') : reply(554, '5.5.1', 'No valid recipients');
}

function context(c: HardenedConnection, smtpUtf8: boolean) {
  return {
    extended: c.greetedBy !== 'HELO',
    maxMessageBytes: c.server.limits.maxMessageBytes,
    extraKeywords: c.server.mailParametersFor(c),
    auth: c.server.settings.auth !== undefined,
    smtpUtf8,
  };
}
