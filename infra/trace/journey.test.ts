import { findJourneys } from '@postern/shared/trace/journey.ts';
import { type LogLine, parseLogLine } from '@postern/shared/trace/log-lines.ts';
import { expect, test } from 'vitest';
import { renderJourney } from './render-journey.ts';

const A = 'a'.repeat(32);
const B = 'b'.repeat(32);
const at = (second: number): string => `2027-01-01T00:00:0${second}.000Z`;

const relay = [
  { time: at(1), tier: 'relay', event: 'connected', session: 's1', service: 'smtp', client: '192.0.2.1' },
  {
    time: at(2),
    tier: 'relay',
    event: 'refused',
    session: 's1',
    service: 'smtp',
    stage: 'rcpt',
    to: 'x@d.example',
    reply: '550 5.1.1 No such user',
  },
  {
    time: at(5),
    tier: 'relay',
    event: 'delivered',
    session: 's1',
    deliveryId: A,
    from: 'me@o.example',
    to: 'you@d.example',
    reply: '250 2.1.5 OK',
    next: 'lmtp',
  },
  {
    time: at(6),
    tier: 'relay',
    event: 'accepted',
    session: 's1',
    deliveryId: A,
    messageId: '<one@o.example>',
    from: 'me@o.example',
    to: ['you@d.example'],
    bytes: 12,
    tookMs: 3,
  },
  {
    time: at(7),
    tier: 'relay',
    event: 'accepted',
    session: 's2',
    deliveryId: B,
    messageId: '<two@o.example>',
    from: 'me@o.example',
    to: ['other@d.example'],
    bytes: 12,
    tookMs: 3,
  },
];
const store = [
  { time: at(3), tier: 'store', event: 'connected', session: 'l1', service: 'lmtp', client: '127.0.0.2' },
  {
    time: at(4),
    tier: 'store',
    event: 'delivered',
    session: 'l1',
    deliveryId: A,
    from: 'me@o.example',
    to: 'you@d.example',
    mailbox: 'INBOX',
    uid: 9,
    reply: '250 2.0.0 OK',
  },
];

async function* read(): AsyncGenerator<LogLine> {
  for (const record of [...relay, ...store]) {
    const line = parseLogLine(JSON.stringify(record));
    if (line !== undefined) yield line;
  }
}

test.each([[A], ['<one@o.example>'], ['one@o.example'], ['you@d.example']])(
  '%s finds the whole way across both tiers, in order of time, and nothing of another message',
  async (query) => {
    const journeys = await findJourneys(query, read);
    expect(journeys).toHaveLength(1);
    expect(journeys[0]?.lines.map((l) => `${l.tier} ${l.event}`)).toEqual([
      'relay connected',
      'relay refused',
      'store connected',
      'store delivered',
      'relay delivered',
      'relay accepted',
    ]);
    expect(journeys[0]).toMatchObject({ deliveryId: A, messageId: '<one@o.example>', from: 'me@o.example' });
  },
);

test('a recipient that was refused is found by address, though no transaction came of it', async () => {
  async function* refusedAlone(): AsyncGenerator<LogLine> {
    for await (const line of read()) if (line.event === 'refused') yield line;
  }
  const [journey] = await findJourneys('X@d.example', refusedAlone);
  expect(journey?.deliveryId).toBeUndefined();
  expect(renderJourney(journey!)).toContain('550 5.1.1 No such user');
});

test('a client’s IP address finds all that its sessions did, in both tiers, and nobody else’s', async () => {
  async function* more(): AsyncGenerator<LogLine> {
    yield* read();
    const other = { time: at(8), tier: 'relay', event: 'connected', session: 's2', client: '2001:db8::2' };
    const early = {
      time: at(9),
      tier: 'relay',
      event: 'refused',
      session: 's3',
      client: '192.0.2.1',
      stage: 'connect',
    };
    for (const record of [other, early]) yield parseLogLine(JSON.stringify(record))!;
  }
  const [first, second, ...rest] = await findJourneys('192.0.2.1', more);
  expect(first?.deliveryId).toBe(A);
  expect(first?.lines.map((l) => l.tier)).toContain('store');
  expect(second?.lines.map((l) => l.session)).toEqual(['s3']);
  expect(rest).toEqual([]);
  expect((await findJourneys('2001:DB8::2', more)).map((j) => j.deliveryId)).toEqual([B]);
});

test('the sender’s address finds each of its messages', async () => {
  expect((await findJourneys('me@o.example', read)).map((j) => j.deliveryId)).toEqual([A, B]);
});

test('nothing is found for an unknown id', async () => {
  expect(await findJourneys('c'.repeat(32), read)).toEqual([]);
});

test('what is no event is passed over, and a peer’s text does not steer the terminal', async () => {
  for (const text of ['', 'Error: boom', '{"time":', '{"a":1}']) expect(parseLogLine(text)).toBeUndefined();
  const line = parseLogLine(
    JSON.stringify({
      time: at(1),
      tier: 'relay',
      event: 'refused',
      session: 's',
      reply: '550 \u001b[2J',
      to: 'x@d.example',
    }),
  );
  const [journey] = await findJourneys('x@d.example', async function* () {
    yield line!;
  });
  expect(renderJourney(journey!)).not.toContain('\u001b');
});

test('what was refused after its 250 is shown with the DSN or the quarantined copy that was made of it, from either end', async () => {
  const about = { tier: 'relay', from: 'me@o.example', to: ['you@d.example'] };
  const made = [
    {
      ...about,
      time: at(1),
      event: 'accepted',
      deliveryId: A,
      bytes: 9,
      tookMs: 1,
      reply: `250 2.0.0 Ok, queued as ${A}`,
    },
    { ...about, time: at(2), event: 'bounced', deliveryId: A, to: 'you@d.example', reply: '550 5.1.1 No such user' },
    { ...about, time: at(3), event: 'refusal-handled', deliveryId: A, by: 'quarantine', as: B },
    {
      ...about,
      time: at(4),
      event: 'delivered',
      deliveryId: B,
      to: 'admin@d.example',
      reply: '250 2.1.5 OK',
      next: 'store',
    },
  ];
  async function* log(): AsyncGenerator<LogLine> {
    for (const record of made) {
      const line = parseLogLine(JSON.stringify(record));
      if (line !== undefined) yield line;
    }
  }
  for (const asked of [A, B]) {
    const text = (await findJourneys(asked, log)).map(renderJourney).join('\n');
    expect(text.replace(/\s+/g, ' ')).toMatch(/into the quarantine/);
    expect(text).toContain(B);
    expect(text).toContain('to admin@d.example');
    expect(text).toContain(`250 2.0.0 Ok, queued as`);
  }
});
