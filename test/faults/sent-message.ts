import type { Chance } from './seed.ts';

/** A message that can be told from all others, and the accounts that shall have it when its recipients are accepted. */
export interface SentMessage {
  readonly id: string;
  /** What goes out by DATA, CRLF line ends, dots not stuffed. */
  readonly bytes: Buffer;
  readonly recipients: readonly string[];
}

/** Recipients of the sample tree, and the accounts behind them. */
const ACCOUNTS_BEHIND: Readonly<Record<string, readonly string[]>> = {
  'user1@domain1.example': ['user1@domain1.example'],
  'user2@domain1.example': ['user2@domain1.example'],
  'user3@domain1.example': ['user3@domain1.example'],
  'user5@domain2.example': ['user5@domain2.example'],
  'info@domain1.example': ['user1@domain1.example'],
  'team@domain1.example': ['user1@domain1.example', 'user2@domain1.example'],
};

const SINGLE = Object.keys(ACCOUNTS_BEHIND);
const SEVERAL = [
  ['user1@domain1.example', 'user2@domain1.example'],
  ['user5@domain2.example', 'user3@domain1.example', 'team@domain1.example'],
];

/** Accounts whose mailboxes the fault tests read. */
export const ACCOUNTS: readonly { readonly address: string; readonly password: string }[] = [
  { address: 'user1@domain1.example', password: 'user1' },
  { address: 'user2@domain1.example', password: 'user2' },
  { address: 'user3@domain1.example', password: 'user3' },
  { address: 'user5@domain2.example', password: 'user5' },
];

/** Each account once, however many of the recipients lead to it. */
export function accountsBehind(recipients: readonly string[]): string[] {
  return [...new Set(recipients.flatMap((recipient) => ACCOUNTS_BEHIND[recipient] ?? [recipient]))];
}

/** A message of 300 octets to `maxBytes`; lines begin with dots often. */
export function makeMessage(chance: Chance, n: number, options: Partial<SentMessage> & { maxBytes?: number } = {}) {
  const id = options.id ?? `${chance.seed}-${n}`;
  const recipients = options.recipients ?? (chance.int(1, 5) === 1 ? chance.pick(SEVERAL) : [chance.pick(SINGLE)]);
  const lines = [
    `Message-ID: <${id}@faults.example>`,
    'From: Sender <sender@outside.example>',
    `To: ${recipients.join(', ')}`,
    `Subject: fault test ${id}`,
    'Date: Sat, 21 Nov 2026 12:00:00 +0000',
    `X-Fault-Id: ${id}`,
    '',
  ];
  const wanted = chance.int(300, options.maxBytes ?? 6_000);
  for (let bytes = 200; bytes < wanted; ) {
    const dots = '.'.repeat(chance.int(0, 3) === 0 ? chance.int(1, 3) : 0);
    const line = dots + String.fromCharCode(chance.int(65, 90)).repeat(chance.int(0, 180));
    lines.push(line);
    bytes += line.length + 2;
  }
  lines.push('');
  const message: SentMessage = { id, bytes: Buffer.from(lines.join('\r\n'), 'latin1'), recipients };
  return message;
}
