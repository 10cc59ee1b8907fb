import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { appendLetters, mailboxOf } from '../support/mailstore.ts';
import { type ConsoleUnderTest, startConsoleUnderTest } from './console-under-test.ts';

/** From making to purge, with mail: what goes, what stays, and what a successor sees. */
const ANN = 'ann@domain1.example';
const one = `/api/accounts/${encodeURIComponent(ANN)}`;

describe.each(['slapd', 'embedded'] as const)('an account on %s', (kind) => {
  let server: ConsoleUnderTest;
  let cookie: string;
  beforeAll(async () => {
    server = await startConsoleUnderTest(kind);
    cookie = await server.signIn('user1@domain1.example');
  });
  afterAll(() => server?.stop());
  const ask = (method: string, path: string, body?: object) => server.ask(method, path, { cookie, body });

  test('is welcomed, purged with its mail, and its successor of the same address sees nothing of it', async () => {
    const made = await ask('POST', '/api/accounts', { address: ANN, name: 'Ann', welcome: 'de' });
    expect(made.status, made.text).toBe(200);
    expect(made.json.password).toMatch(/^[a-z2-9]{5}(-[a-z2-9]{5}){3}$/);
    expect(await server.signIn(ANN, made.json.password)).not.toBe('');
    const first = await server.mailstore.accounts.find(ANN);
    if (first === undefined) throw new Error('no account');
    const inbox = await mailboxOf(server.mailstore, first);
    await appendLetters(server.mailstore, inbox, 3);
    const shown = (await ask('GET', one)).json;
    expect(shown.usage.messages).toBe(4);
    expect(JSON.stringify(shown)).not.toMatch(/"dn"|userPassword/);

    // What was removed comes back by the postmaster's hand, who sees where it lay and how large it is, and nothing of what it says.
    await server.mailstore.messages.remove(inbox, [2, 3]);
    const deleted = (await ask('GET', `${one}/deleted-mail`)).json;
    expect(deleted.messages).toHaveLength(2);
    expect(Object.keys(deleted.messages[0]).sort()).toEqual(['expungedAt', 'mailbox', 'mailboxId', 'sizeBytes', 'uid']);
    const messages = deleted.messages.map(({ mailboxId, uid }: { mailboxId: number; uid: number }) => ({
      mailboxId,
      uid,
    }));
    expect((await ask('POST', `${one}/undelete`, { messages })).json).toMatchObject({ messages: 2 });
    expect((await ask('GET', one)).json.usage).toEqual(shown.usage);

    expect((await ask('DELETE', one)).json.purgeAfterMs).toBeGreaterThan(Date.now());
    const refused = await server.ask('POST', '/api/session', { body: { address: ANN, password: made.json.password } });
    expect(refused.status).toBe(401);
    const purged = await ask('POST', `${one}/purge`, { evenWithinGrace: true });
    expect(purged.status, purged.text).toBe(200);
    expect(purged.json).toMatchObject({ accounts: 1, mailboxes: 6, messages: 4 });
    expect(purged.json.bytes).toBe(shown.usage.bytes);
    expect((await ask('GET', one)).status).toBe(404);
    expect(await server.mailstore.accounts.find(ANN)).toBeUndefined();

    const again = await ask('POST', '/api/accounts', { address: ANN, password: 'correct horse battery' });
    expect(again.status, again.text).toBe(200);
    await server.signIn(ANN, 'correct horse battery');
    const second = await server.mailstore.accounts.find(ANN);
    expect(second?.id).not.toBe(first.id);
    expect((await ask('GET', one)).json.usage.messages).toBe(0);
    expect((await server.mailstore.maintenance.verify({}, () => undefined)).problems).toBe(0);
  });

  test('a domain is purged whole, in two steps, and says how much', async () => {
    cookie = await server.signIn('siteadmin@domain2.example');
    const domain = { name: 'gone.example', postmaster: 'boss@gone.example' };
    expect((await ask('POST', '/api/domains', domain)).status).toBe(200);
    for (const local of ['boss', 'one', 'two']) {
      const made = await ask('POST', '/api/accounts', { address: `${local}@gone.example`, welcome: 'en' });
      expect(made.status, made.text).toBe(200);
    }
    expect((await ask('POST', '/api/domains/gone.example/purge', { evenWithinGrace: true })).status).toBe(409);
    expect((await ask('DELETE', '/api/domains/gone.example')).status).toBe(200);
    const purged = await ask('POST', '/api/domains/gone.example/purge', { evenWithinGrace: true });
    expect(purged.json, purged.text).toMatchObject({ accounts: 3, messages: 3 });
    expect((await ask('GET', '/api/domains/gone.example')).status).toBe(404);
  });
});
