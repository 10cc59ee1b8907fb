import { makeAppPassword } from '@postern/shared/sign-in/app-password.ts';
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openLmtp } from '../support/lmtp-dialogue.ts';
import { runProgram } from '../support/program.ts';
import {
  letter,
  type OutboundRelay,
  PATIENCE,
  PUBLIC_LEG,
  type Surroundings,
  startOutboundRelay,
  startSurroundings,
  USER1,
} from './outbound-relay.ts';

/** People on the road, with Debian's swaks and curl: 465 and 587 of the gateway. */
let around: Surroundings;
let relay: OutboundRelay;

beforeAll(async () => {
  around = await startSurroundings();
  around.dns.zone.set('MX far.example', ['mx.far.example']);
  around.dns.zone.set('A mx.far.example', ['127.0.1.75']);
  await around.remote.add('127.0.1.75');
  relay = await startOutboundRelay(
    around,
    {},
    {
      submission: {
        listen: [
          { address: PUBLIC_LEG, port: 0, mode: 'starttls' },
          { address: PUBLIC_LEG, port: 0, mode: 'implicit' },
        ],
        messagesPerHour: 6,
        lockOut: { userFailures: 2 },
      },
    },
  );
});

afterAll(async () => {
  await relay?.stop();
  await around?.stop();
});

interface Mail {
  readonly to?: string;
  readonly from?: string;
  readonly author?: string;
  readonly user?: string;
  readonly password?: string;
  readonly tls?: 'starttls' | 'implicit' | 'none';
  readonly mark?: string;
  readonly header?: string;
  readonly clientAddress?: string;
}

async function swaks(mail: Mail): Promise<string> {
  const {
    to = 'x@far.example',
    from = USER1,
    author = from,
    user = USER1,
    password = 'user1',
    tls = 'starttls',
  } = mail;
  const [starttls = 0, implicit = 0] = relay.relay.submissionPorts;
  const { stdout } = await runProgram('/usr/bin/swaks', [
    ...['--server', PUBLIC_LEG, '--port', String(tls === 'implicit' ? implicit : starttls), '--helo', 'laptop.example'],
    ...(tls === 'none' ? [] : [tls === 'implicit' ? '--tls-on-connect' : '--tls']),
    ...['--auth', 'PLAIN', '--auth-user', user, '--auth-password', password],
    ...['--from', from, '--to', to, '--header', `Subject: ${mail.mark ?? 'from the road'}`, '--h-From', author],
    ...['--header', mail.header ?? 'Bcc: secret@far.example', '--body', 'Hello.'],
    ...(mail.clientAddress === undefined ? [] : ['--local-interface', mail.clientAddress]),
  ]);
  return stdout.toString();
}

describe('a user on the road', () => {
  it.each(['starttls', 'implicit'] as const)('sends outside by the queue (%s), without Bcc', async (tls) => {
    expect(await swaks({ tls, mark: `road-${tls}` })).toMatch(/ 250 2\.0\.0 Ok, queued as /);
    const arrived = await vi.waitFor(() => {
      const [found] = around.remote.with(`road-${tls}`);
      if (found === undefined) throw new Error('nothing arrived');
      return found;
    }, PATIENCE);
    expect(arrived).toMatchObject({ from: USER1, to: ['x@far.example'] });
    expect(arrived.content).not.toMatch(/^Bcc:/m);
    expect(arrived.content).toMatch(/^Message-Id: </im);
  });

  it('sends to a user here by LMTP', async () => {
    expect(await swaks({ to: 'user2@domain1.example', mark: 'to-a-neighbour' })).toMatch(/ 250 2\.0\.0 /);
    await vi.waitFor(
      () => expect(around.inward.filter((m) => m.content.includes('to-a-neighbour'))).toHaveLength(1),
      PATIENCE,
    );
    expect(around.remote.with('to-a-neighbour')).toEqual([]);
  });

  it('is told that a neighbour’s mailbox has the message, when that was asked for', async () => {
    const [port = 0] = relay.relay.submissionPorts;
    const mailer = createTransport({
      ...{ host: PUBLIC_LEG, port, requireTLS: true, tls: { rejectUnauthorized: false } },
      auth: { user: USER1, pass: 'user1' },
    });
    const to = 'user2@domain1.example';
    const dsn = { id: 'env-8', return: 'headers', notify: 'success', recipient: to } as const;
    await mailer.sendMail({ envelope: { from: USER1, to }, raw: letter('confirmed'), dsn });
    const report = await vi.waitFor(() => {
      const found = around.inward.find(({ from, content }) => from === '' && content.includes('confirmed'));
      if (found === undefined) throw new Error('no report');
      return found;
    }, PATIENCE);
    expect(report.to).toEqual([USER1]);
    expect(report.content).toContain('Action: delivered');
    expect(report.content).toContain('Original-Envelope-Id: env-8');
    expect(around.inward.filter(({ from, content }) => from === USER1 && content.includes('confirmed'))).toHaveLength(
      1,
    );
  });

  it('is refused 553 with another’s address, and 550 with another’s From', async () => {
    expect(await swaks({ from: 'user2@domain1.example', author: USER1 })).toContain('553 5.7.1');
    expect(await swaks({ author: 'user2@domain1.example' })).toContain('550 5.7.1');
  });

  it('may do it only with an account that has the service', async () => {
    const popOnly = 'poponly@domain1.example';
    const said = await swaks({ user: popOnly, password: 'poponly', from: popOnly, mark: 'no-service' });
    expect(said).toContain('535 5.7.8');
    expect(around.remote.with('no-service')).toEqual([]);
  });

  it('is offered no AUTH without TLS, and may not send without it', async () => {
    const { stdout } = await runProgram('/usr/bin/swaks', [
      ...[
        '--server',
        PUBLIC_LEG,
        '--port',
        String(relay.relay.submissionPorts[0]),
        '--from',
        USER1,
        '--to',
        'x@far.example',
      ],
    ]);
    expect(String(stdout)).not.toMatch(/^<-\s+250.AUTH/m);
    expect(String(stdout)).toContain('530 5.7.0');
  });

  it('with curl as well', async () => {
    const url = `smtps://localhost:${relay.relay.submissionPorts[1]}`;
    const { status, output } = await runProgram(
      '/usr/bin/curl',
      [
        ...['--verbose', '--cacert', around.pki.ca, '--url', url, '--user', `${USER1}:user1`],
        ...['--mail-from', USER1, '--mail-rcpt', 'curl@far.example', '--upload-file', '-'],
      ],
      { input: `From: ${USER1}\r\nSubject: by curl\r\n\r\nHello.\r\n` },
    );
    expect(output).toContain('235 2.7.0');
    expect(status).toBe(0);
    await vi.waitFor(
      () => expect(around.remote.arrived.some(({ to }) => to[0] === 'curl@far.example')).toBe(true),
      PATIENCE,
    );
  });

  it('over the limit waits, and the administrator sees why', async () => {
    const answers: string[] = [];
    for (let i = 0; i < 4; i++) answers.push(await swaks({ mark: `many-${i}` }));
    expect(answers.at(-1)).toContain('450 4.7.1');
    await vi.waitFor(
      () =>
        expect(relay.log().some((l) => l.event === 'refused' && String(l.cause).includes('messagesPerHour'))).toBe(
          true,
        ),
      PATIENCE,
    );
  });
});

describe('a session that lasts', () => {
  const dn = 'mail=user2@domain1.example,jvd=domain1.example,o=hosting,dc=myhosting,dc=example';
  const user = 'user2@domain1.example';
  /** A session may begin only so many transactions that come to nothing. */
  const SELDOM = { ...PATIENCE, interval: 500 };
  const change = (lines: string) => around.slapd.modify(`dn: ${dn}\nchangetype: modify\n${lines}\n`);

  async function signedIn(password: string) {
    const smtp = await openLmtp({ port: relay.relay.submissionPorts[1] ?? 0, ca: around.pki.ca });
    await smtp.say('EHLO laptop.example');
    expect(await smtp.say(`AUTH PLAIN ${Buffer.from(`\0${user}\0${password}`).toString('base64')}`)).toMatch(/^235/);
    const mayBegin = async (): Promise<string> => {
      await smtp.say('RSET');
      return smtp.say(`MAIL FROM:<${user}>`);
    };
    expect(await mayBegin()).toMatch(/^250/);
    return { mayBegin, close: () => smtp.close() };
  }

  it('signs in anew when its app password was taken away or the password changed, and sends no more when suspended', async () => {
    const { name, password } = makeAppPassword();
    await around.slapd.modify(
      [
        `dn: cn=${name},${dn}\nchangetype: add\ncn: ${name}\nauthorizedService: submission\nuserPassword: ${password}`,
        'objectClass: applicationProcess\nobjectClass: simpleSecurityObject\nobjectClass: authorizedServiceObject\n',
      ].join('\n'),
    );
    const [phone, first] = [await signedIn(password), await signedIn('user2')];
    await around.slapd.modify(`dn: cn=${name},${dn}\nchangetype: delete\n`);
    expect(await phone.mayBegin()).toMatch(/^421 4\.7\.0 Sign in again/);
    expect(await first.mayBegin()).toMatch(/^250/);
    await change('replace: userPassword\nuserPassword: another');
    // What is known of an entry is known for five seconds.
    await vi.waitFor(async () => expect(await first.mayBegin()).toMatch(/^421 4\.7\.0 Sign/), SELDOM);
    const second = await signedIn('another');
    await change('replace: accountActive\naccountActive: FALSE');
    await vi.waitFor(async () => expect(await second.mayBegin()).toMatch(/^550 5\.7\.1/), SELDOM);
    for (const { close } of [phone, first, second]) close();
  });
});

describe('who guesses passwords', () => {
  it('is not let through to the directory after some, while the user goes on from a known place', async () => {
    const guess = (password: string) => swaks({ password, clientAddress: '127.7.7.7' });
    expect(await guess('wrong1')).toContain('535 5.7.8');
    expect(await guess('wrong2')).toContain('535 5.7.8');
    // The right one would do now, if it were asked for.
    expect(await guess('user1')).toContain('535 5.7.8');
    await vi.waitFor(() => {
      const last = relay.log().findLast((l) => l.event === 'sign-in-refused');
      expect(last?.why).toContain('too many failures for this user');
    }, PATIENCE);
    expect(await swaks({})).toContain('235 2.7.0');
  });
});
