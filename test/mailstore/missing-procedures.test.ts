import { silentLog } from '@postern/shared/runtime/log.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NO_FLAGS } from '../../store/mailstore/flags.ts';
import { openMailstore } from '../../store/mailstore/mailstore.ts';
import { NO_QUOTA } from '../support/mailstore.ts';
import { startTestDatabase, type TestDatabase, WITHOUT_POWER_CUTS } from '../support/mariadb.ts';
import { mail, mailboxId, newAccount } from './some-mailstore.ts';
import { ask, calls } from './stored-rows.ts';

let server: TestDatabase;
beforeAll(async () => {
  server = await startTestDatabase(WITHOUT_POWER_CUTS);
});
afterAll(() => server.stop());

const TABLES_ALONE = 'SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES';

/** Opens the store with a user of these rights, appends a message, and says what the log was warned of and how many procedures did something. */
async function openAs(user: string, rights: string, url: string): Promise<{ warned: string[]; calls: number }> {
  const { pathname } = new URL(url);
  await ask(server.url, `CREATE USER ${user}@'%' IDENTIFIED BY 'secret'`);
  await ask(server.url, `GRANT ${rights} ON ${pathname.slice(1)}.* TO ${user}@'%'`);
  const own = Object.assign(new URL(url), { username: user, password: 'secret' });
  const warned: string[] = [];
  const log = Object.assign(silentLog(), {
    warn: ({ event, missing }: { event: string; missing: readonly { procedure: string }[] }) =>
      warned.push(`${event} ${missing.map(({ procedure }) => procedure).join(' ')}`),
  });
  const store = await openMailstore({ url: own.href, connections: 2, log });
  try {
    const inbox = await mailboxId(store, await newAccount(store), 'INBOX');
    const before = await calls(server.url);
    for (const subject of ['One', 'Two']) {
      const content = await store.contents.arrived(mail(subject));
      const message = { content, flags: NO_FLAGS, internalDate: new Date() };
      expect((await store.messages.append(inbox, [message], NO_QUOTA)).kind).toBe('appended');
    }
    return { warned, calls: (await calls(server.url)) - before };
  } finally {
    await store.close();
  }
}

it('says once at its start that procedures are missing or not allowed, and does without', async () => {
  const bare = await server.createDatabase();
  const append = 'append_message append_2_messages append_3_messages append_4_messages';
  const unable = { warned: [`procedures-missing ${append} deliver_message`] };
  expect(await openAs('maker', TABLES_ALONE, bare)).toMatchObject(unable);
  const whole = await server.createDatabase();
  expect(await openAs('owner', 'ALL', whole)).toEqual({ warned: [], calls: 2 });
  expect(await openAs('runner', TABLES_ALONE, whole)).toMatchObject(unable);
});
