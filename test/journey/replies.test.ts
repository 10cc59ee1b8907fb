import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openLdapDirectory } from '@postern/shared/directory/ldap-directory.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sampleSettings } from '../directory/settings.ts';
import {
  addAccount,
  addEntry,
  callGateway,
  eventually,
  messagesWith,
  replyToRecipient,
  sendOctets,
  smallMessage,
} from '../support/mailbox.ts';
import { startStack, type TestStack } from '../support/stack.ts';

/** What a sender hears from the gateway, with real slapd, MariaDB and store behind it, or one of them away. */
let stack: TestStack;
beforeAll(async () => {
  stack = await startStack({
    // Mail has no way out here: an alias to the outside is refused.
    relay: ({ outbound: _, ...settings }) => ({
      ...settings,
      recipients: { tarpitAfter: 1_000, refuseAfter: 1_000, staleMs: 0 },
      spool: { ...settings.spool, retryMs: 200, storeTestMs: 100, maxRetryMs: 1_000 },
    }),
  });
  const target = 'maildrop: user1@domain1.example';
  await addAccount(stack.slapd, 'counted', ['quota: 30000S']);
  // An account and an alias of one address, in a domain with a catch-all and in one without.
  for (const domain of ['domain1.example', 'domain2.example']) {
    await addEntry(stack.slapd, `person@${domain}`, ['objectClass: JammMailAccount', 'userPassword: person']);
  }
  await stack.slapd?.modify(
    [
      `dn: cn=person,jvd=domain2.example,${stack.slapd.baseDn}`,
      'changetype: add',
      'objectClass: top',
      'objectClass: JammMailAlias',
      'cn: person',
      'mail: person@domain2.example',
      'accountActive: TRUE',
      `${target}\n`,
    ].join('\n'),
  );
  await addEntry(stack.slapd, 'aliased@domain2.example', ['objectClass: JammMailAlias', target]);
});
afterAll(() => stack?.stop());

const USER1 = 'user1@domain1.example';
const USER2 = 'user2@domain1.example';
const USER5 = 'user5@domain2.example';

describe('RCPT, everything being there', () => {
  test.each([
    [USER1, /^250 2\.1\.5/],
    ['USER1@DOMAIN1.EXAMPLE', /^250 2\.1\.5/],
    ['info@domain1.example', /^250 2\.1\.5/],
    ['team@domain1.example', /^250 2\.1\.5/],
    ['postmaster', /^250 2\.1\.5/],
    ['whoever@domain2.example', /^250 2\.1\.5/],
    ['nobody@domain1.example', /^550 5\.1\.1/],
    ['suspended@domain1.example', /^550 5\.2\.1/],
    ['leaver@domain1.example', /^550 5\.1\.1/],
    ['retired@domain1.example', /^550 5\.2\.1/],
    // domain2.example has a catch-all, which must not take them
    ['suspended@domain2.example', /^550 5\.2\.1/],
    ['leaver@domain2.example', /^550 5\.1\.1/],
    ['retired@domain2.example', /^550 5\.2\.1/],
    // so have the suspended and the deleted domain
    ['user1@suspended.example', /^550 5\.2\.1/],
    ['anyone@suspended.example', /^550 5\.2\.1/],
    ['user1@deleted.example', /^550 5\.1\.2/],
    ['anyone@deleted.example', /^550 5\.1\.2/],
    ['someone@elsewhere.example', /^550 5\.7\.1 Relaying denied/],
    ['user1%elsewhere.example@domain1.example', /^550 5\.1\.1/],
    ['loop-a@domain1.example', /^550 5\.4\.6/],
    ['forward@domain1.example', /^550 5\.7\.1/],
  ])('%s is answered %s', async (address, reply) => {
    expect(await replyToRecipient(stack, address)).toMatch(reply);
  });

  test('an account goes before an alias of its address, and an alias before the catch-all', async () => {
    await sendOctets(stack, ['person@domain2.example'], smallMessage('precedence-1'));
    expect(await messagesWith(stack, 'person@domain2.example', 'Subject: precedence-1')).toHaveLength(1);
    await sendOctets(stack, ['aliased@domain2.example'], smallMessage('precedence-2'));
    expect(await messagesWith(stack, USER1, 'Subject: precedence-')).toHaveLength(1);
    expect(await messagesWith(stack, USER1, 'Subject: precedence-2')).toHaveLength(1);
    expect(await messagesWith(stack, USER5, 'Subject: precedence-')).toEqual([]);
  });
});

describe('one of two recipients is over quota', () => {
  test('refused at RCPT, by the store’s word; the other has the message exactly once', async () => {
    const filler = Buffer.concat([smallMessage('filler'), Buffer.from(`${'x'.repeat(70)}\r\n`.repeat(300))]);
    const [first] = await sendOctets(stack, ['counted@domain1.example'], filler);
    expect(first?.kind).toBe('delivered');
    const gateway = await callGateway(stack);
    const envelope = { reversePath: 's@elsewhere.example', body: '7BIT', smtpUtf8: false } as const;
    const recipients = [{ address: 'counted@domain1.example' }, { address: USER1 }];
    const outcomes = await gateway.send({ ...envelope, recipients }, Buffer.concat([smallMessage('quota-1'), filler]));
    await gateway.quit();
    expect(outcomes.map(({ kind, reply }) => `${kind} ${reply.code} ${reply.enhanced}`)).toEqual([
      'failed 552 5.2.2',
      'delivered 250 2.0.0',
    ]);
    expect(await messagesWith(stack, USER1, 'Subject: quota-1')).toHaveLength(1);
    expect(await messagesWith(stack, 'counted@domain1.example', 'Subject: quota-1')).toEqual([]);
    // At RCPT, so that nothing of the message was sent: the same words come to a sender that goes no further.
    const asked = await callGateway(stack);
    const [word] = await asked.probe('s@elsewhere.example', ['counted@domain1.example'], { size: 25_000 });
    await asked.quit();
    expect(word?.reply.code).toBe(552);
  });
});

describe('another entry under a known address (invariant 4)', () => {
  test('is 451 until an administrator adopts it, and then has the mail of before', async () => {
    const address = 'returner@domain1.example';
    await addAccount(stack.slapd, 'returner');
    const [first] = await sendOctets(stack, [address], smallMessage('before-the-change'));
    expect(first?.kind).toBe('delivered');

    const dn = `mail=${address},jvd=domain1.example,${stack.slapd?.baseDn}`;
    await stack.slapd?.modify(`dn: ${dn}\nchangetype: delete\n`);
    await addAccount(stack.slapd, 'returner');
    const held = await eventually(
      () => replyToRecipient(stack, address),
      (reply) => reply.startsWith('451'),
    );
    expect(held).toMatch(/^451 4\.2\.1/);
    const [later] = await sendOctets(stack, [address], smallMessage('while-it-waits'));
    expect(`${later?.reply.code} ${later?.reply.enhanced}`).toBe('451 4.2.1');

    const directory = openLdapDirectory(
      sampleSettings(stack.slapd?.url ?? '', stack.slapd?.ca ?? '', { baseDn: stack.slapd?.baseDn }),
      silentLog(),
    );
    const answer = await directory.lookUp(address);
    await directory.close();
    if (answer.kind !== 'account') throw new Error(`no account: ${JSON.stringify(answer)}`);
    const tool = join(import.meta.dirname, '../../store/cli/postern-store.ts');
    const config = ['--config', join(stack.folder, 'etc', 'store.yaml')];
    const adopt = ['account', 'adopt', address, '--uuid', answer.account.uuid];
    const adopted = spawnSync(process.execPath, [tool, ...adopt, ...config], { encoding: 'utf8' });
    expect(adopted.status, adopted.stderr).toBe(0);

    const taken = await eventually(
      () => replyToRecipient(stack, address),
      (reply) => reply.startsWith('250'),
    );
    expect(taken).toMatch(/^250 2\.1\.5/);
    expect(await messagesWith(stack, address, 'Subject: before-the-change')).toHaveLength(1);
  });
});

const spooled = (): number =>
  readdirSync(stack.spoolFolder, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && entry.name.endsWith('.message'),
  ).length;

/** 250 while something is away, a file in the spool, and after its return one copy and an empty spool. */
async function spoolsAndDeliversOnce(mark: string, comeBack: () => Promise<void>): Promise<void> {
  expect(spooled()).toBe(0);
  const outcomes = await sendOctets(stack, [USER1, USER2], smallMessage(mark));
  expect(outcomes.map(({ reply }) => reply.code)).toEqual([250, 250]);
  expect(spooled()).toBe(1);
  await comeBack();
  expect(
    await eventually(
      () => Promise.resolve(spooled()),
      (left) => left === 0,
    ),
  ).toBe(0);
  for (const user of [USER1, USER2]) expect(await messagesWith(stack, user, `Subject: ${mark}`)).toHaveLength(1);
}

describe('something is away', () => {
  test.each([
    ['killed', 'abuse@domain1.example', () => stack.kill('directory'), () => stack.restart('directory')],
    [
      'stopped',
      'duty@domain1.example',
      () => stack.kill('directory', 'SIGSTOP'),
      () => stack.kill('directory', 'SIGCONT'),
    ],
  ] as const)(
    'the directory %s (%s): 451 4.4.3 to known and unknown, never 550; 250 after its return',
    async (how, address, go, back) => {
      // Answers may be kept for 5 s while the directory answers; these addresses have not been asked for.
      await go();
      const [known, unknown, foreign] = await Promise.all([
        replyToRecipient(stack, address),
        replyToRecipient(stack, `never-asked-${how}@domain1.example`),
        replyToRecipient(stack, `someone@never-asked-${how}.example`),
      ]);
      await back();
      for (const reply of [known, unknown, foreign]) expect(reply).toMatch(/^451 4\.4\.3/);
      const again = await eventually(
        () => replyToRecipient(stack, address),
        (reply) => reply.startsWith('250'),
      );
      expect(again).toMatch(/^250 2\.1\.5/);
      expect(await replyToRecipient(stack, `never-asked-${how}@domain1.example`)).toMatch(/^550 5\.1\.1/);
    },
  );

  test('the store killed: 250, in the spool, delivered once after its return', () => {
    return stack.kill('store').then(() => spoolsAndDeliversOnce('store-away', () => stack.restart('store')));
  });

  test('the store hangs: 250 in bounded time, delivered once after it goes on', async () => {
    await stack.kill('store', 'SIGSTOP');
    await spoolsAndDeliversOnce('store-hangs', () => stack.kill('store', 'SIGCONT'));
  });

  test('the database killed: the store answers 451, the gateway spools, delivered once after its return', async () => {
    await stack.kill('database');
    await spoolsAndDeliversOnce('database-away', () => stack.restart('database'));
    const [journey] = await stack.journeys('<database-away@elsewhere.example>');
    const said = journey?.lines.map((line) => JSON.stringify(line)) ?? [];
    expect(said.some((line) => /"tier":"store"/.test(line) && /451/.test(line))).toBe(true);
    expect(said.some((line) => /"event":"spooled"/.test(line))).toBe(true);
  });

  test('the gateway killed with a message in its spool: delivered once after both are back', async () => {
    await stack.kill('store');
    await spoolsAndDeliversOnce('gateway-killed', async () => {
      await stack.kill('relay');
      await stack.restart('relay');
      await stack.restart('store');
    });
  });
});
