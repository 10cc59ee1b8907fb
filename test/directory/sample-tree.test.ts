import type { AddressAnswer, Directory } from '@postern/shared/directory/directory.ts';
import { openLdapDirectory } from '@postern/shared/directory/ldap-directory.ts';
import { expandRecipient } from '@postern/shared/directory/recipients.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startSlapd } from '../support/slapd.ts';
import { startEmbedded } from './embedded.ts';
import { ADDRESS_CHECKS, SIGN_IN_CHECKS } from './sample-questions.ts';
import { sampleSettings } from './settings.ts';

interface Server {
  readonly url: string;
  readonly ca: string;
  stop(): Promise<void>;
}

const SERVERS: readonly { name: string; start: () => Promise<Server> }[] = [
  { name: 'slapd', start: () => startSlapd() },
  { name: 'the embedded directory', start: () => startEmbedded() },
];

/** The same questions to each directory: the answers must not tell which one it is. */
describe.each(SERVERS)('the sample tree in $name', ({ start }) => {
  let server: Server;
  let directory: Directory;

  beforeAll(async () => {
    server = await start();
    directory = openLdapDirectory(sampleSettings(server.url, server.ca), silentLog());
  });

  afterAll(async () => {
    await directory?.close();
    await server?.stop();
  });

  test.each(ADDRESS_CHECKS)('$address', async (check) => {
    const answer = await directory.lookUp(check.address);
    expect(shortened(answer)).toEqual(shortenedCheck(check));
  });

  test.each(SIGN_IN_CHECKS)('sign-in of $user with "$password" for $service: $answer', async (check) => {
    const answer = await directory.signIn(check);
    expect(answer.kind === 'refused' ? answer.why : answer.kind).toBe(check.answer);
  });

  test('an account is told with its UUID, limits and services, and its UUID stays', async () => {
    const answer = await directory.lookUp('small@domain2.example');
    if (answer.kind !== 'account') throw new Error(`no account: ${JSON.stringify(answer)}`);
    expect(answer.account.uuid).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(answer.account).toMatchObject({ displayName: 'Small Mailbox', quotaBytes: 200_000 });
    expect(answer.account.services).toBeUndefined();
    const signedIn = await directory.signIn({ user: 'small@domain2.example', password: 'small', service: 'imap' });
    expect(signedIn).toEqual({ kind: 'granted', account: answer.account });
    const other = await directory.lookUp('poponly@domain1.example');
    expect(other).toMatchObject({ account: { services: ['pop3'] } });
  });

  test('aliases are followed to accounts and outside addresses, each once', async () => {
    const of = async (address: string) => {
      const expansion = await expandRecipient(directory, address, { defaultDomain: 'domain1.example' });
      if (expansion.kind !== 'resolved') return expansion;
      return { accounts: expansion.accounts.map((a) => a.account.address).sort(), outside: expansion.outside };
    };
    expect(await of('team@domain1.example')).toEqual({
      accounts: ['user1@domain1.example', 'user2@domain1.example'],
      outside: [],
    });
    expect(await of('both@domain1.example')).toEqual({
      accounts: ['user2@domain1.example'],
      outside: ['someone@elsewhere.example'],
    });
    expect(await of('duty@domain1.example')).toEqual({ accounts: ['user1@domain1.example'], outside: [] });
    expect(await of('partly@domain1.example')).toEqual({ accounts: ['user2@domain1.example'], outside: [] });
    expect(await of('loop-a@domain1.example')).toMatchObject({ kind: 'failed', why: 'loop' });
    expect(await of('retired@domain2.example')).toEqual({ kind: 'refused', why: 'alias-inactive' });
  });

  test('200 questions at a time', async () => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) => directory.lookUp(`user${(i % 3) + 1}@domain1.example`)),
    );
    expect(answers.every((answer) => answer.kind === 'account')).toBe(true);
  });

  test('50 sign-ins at a time, right and wrong ones mixed, are each judged by their own password', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        directory.signIn({
          user: `user${(i % 2) + 1}@domain1.example`,
          password: i % 3 === 0 ? 'wrong' : `user${(i % 2) + 1}`,
          service: 'imap',
        }),
      ),
    );
    expect(answers.map((a) => a.kind)).toEqual(answers.map((_, i) => (i % 3 === 0 ? 'refused' : 'granted')));
  });

  test('check says that it answers', async () => {
    expect(await directory.check()).toEqual({ ok: true });
  });

  test('a base that is not there, and a wrong password of the service, are "unknown"', async () => {
    const wrongBase = openLdapDirectory(
      sampleSettings(server.url, server.ca, { baseDn: 'o=elsewhere,dc=myhosting,dc=example' }),
      silentLog(),
    );
    expect((await wrongBase.lookUp('user1@domain1.example')).kind).toBe('unknown');
    expect((await wrongBase.lookUp('nobody@domain1.example')).kind).toBe('unknown');
    await wrongBase.close();
    const wrongPassword = openLdapDirectory(
      sampleSettings(server.url, server.ca, { bindPassword: 'wrong' }),
      silentLog(),
    );
    expect((await wrongPassword.lookUp('user1@domain1.example')).kind).toBe('unknown');
    expect(await wrongPassword.check()).toMatchObject({ ok: false });
    await wrongPassword.close();
  });
});

function shortened(answer: AddressAnswer): unknown {
  switch (answer.kind) {
    case 'account':
      return { account: answer.account.address };
    case 'alias':
      return { targets: [...answer.targets].sort(), catchAll: answer.catchAll };
    case 'refused':
      return { refused: answer.why };
    case 'unknown':
      return answer;
  }
}

function shortenedCheck(check: (typeof ADDRESS_CHECKS)[number]): unknown {
  if (check.account !== undefined) return { account: check.account };
  if (check.targets !== undefined) return { targets: [...check.targets].sort(), catchAll: check.catchAll ?? false };
  return { refused: check.refused };
}
