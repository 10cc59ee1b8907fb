import type { Account } from '@postern/shared/directory/directory.ts';
import { APP_PASSWORD_SERVICES } from '@postern/shared/settings/app-password.ts';
import { makeAppPassword } from '@postern/shared/sign-in/app-password.ts';
import { encodeBase32, makeTotpSecret, totpUri } from '@postern/shared/sign-in/totp.ts';
import { z } from 'zod';
import { changeAccount, setAccountPassword } from '../../administration/accounts.ts';
import { note } from '../../administration/acting.ts';
import { findAccount } from '../../administration/find.ts';
import { domainOf } from '../../administration/names.ts';
import { done, type Outcome, type Refused, refuse } from '../../administration/outcome.ts';
import {
  addAppPassword,
  type CredentialChange,
  removeAppPassword,
  turnSecondFactorOff,
  turnSecondFactorOn,
} from '../../sign-in/credentials.ts';
import { signInByPassword } from '../../sign-in/password.ts';
import { type Call, type Route, route, sessionOf } from '../route.ts';
import type { ConsoleSession } from '../sessions.ts';
import { account, nothing } from './shapes.ts';

/** Given anew with each change of how somebody signs in, or where their mail goes (docs/sign-in.md). */
const proof = { password: z.string().max(256), code: z.string().max(10).default('') };

export const selfRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/self',
    summary: 'Your own account: forwards, second factor, app passwords',
    action: 'session',
    answer: account.extend({
      usage: z.object({ bytes: z.number(), messages: z.number() }),
      appPasswords: z.array(
        z.object({
          name: z.string(),
          label: z.string(),
          services: z.array(z.string()),
          createdAtMs: z.number(),
          lastUsedAtMs: z.number().optional(),
        }),
      ),
    }),
    async run(call) {
      const { services, acting } = call;
      const session = sessionOf(call);
      const found = await findAccount(services, acting, session.account.address);
      if (found.kind !== 'done') return found;
      const [usage, appPasswords] = await Promise.all([
        services.mailstore.accounts.usage(session.account.id),
        services.mailstore.appPasswords.list(session.account.id),
      ]);
      return done({ ...found.value, usage, appPasswords });
    },
  }),
  route({
    method: 'PATCH',
    path: '/api/self',
    summary: 'Change your own name',
    action: 'session',
    body: z.strictObject({ name: z.string() }),
    answer: account,
    run: (call) => changeAccount(call.services, call.acting, sessionOf(call).account.address, call.body),
  }),
  route({
    method: 'PUT',
    path: '/api/self/forwards',
    summary: 'Where your mail goes on to',
    action: 'session',
    body: z.strictObject({
      ...proof,
      forwards: z.array(z.string().max(320)).max(50),
      forwardOnly: z.boolean().default(false),
    }),
    answer: account,
    async run(call) {
      const { forwards, forwardOnly } = call.body;
      const proven = await prove(call, call.body);
      if (proven.kind !== 'done') return proven;
      return changeAccount(call.services, call.acting, sessionOf(call).account.address, { forwards, forwardOnly });
    },
  }),
  route({
    method: 'PUT',
    path: '/api/self/password',
    summary: 'Change your own password; the old one is asked for',
    action: 'session',
    body: z.strictObject({ ...proof, newPassword: z.string().max(256) }),
    answer: nothing,
    async run(call) {
      const proven = await prove(call, call.body);
      if (proven.kind !== 'done') return proven;
      const session = sessionOf(call);
      const outcome = await setAccountPassword(call.services, call.acting, session.account.address, {
        password: call.body.newPassword,
        oldPassword: call.body.password,
      });
      if (outcome.kind !== 'done') return outcome;
      // All sessions hold the old one; this one too signs in anew.
      call.services.sessions.endOf(session.account.id);
      return done(null);
    },
  }),
  route({
    method: 'POST',
    path: '/api/self/second-factor/secret',
    summary: 'A new secret for an authenticator; nothing is kept until it is turned on',
    action: 'session',
    answer: z.object({ secret: z.string(), uri: z.string() }),
    async run(call) {
      const secret = makeTotpSecret();
      return done({ secret: encodeBase32(secret), uri: totpUri(secret, 'Postern', sessionOf(call).account.address) });
    },
  }),
  route({
    method: 'PUT',
    path: '/api/self/second-factor',
    summary: 'Turn the second factor on: a code of the new secret proves that the authenticator has it',
    action: 'session',
    body: z.strictObject({ ...proof, secret: z.string().max(200), newCode: z.string().max(10) }),
    answer: nothing,
    run: (call) =>
      withCredentials(call, call.body, 'second-factor-on', (owner) =>
        turnSecondFactorOn(partsOf(call), owner, call.body),
      ),
  }),
  route({
    method: 'POST',
    path: '/api/self/second-factor/off',
    summary: 'Turn the second factor off',
    action: 'session',
    body: z.strictObject(proof),
    answer: nothing,
    run: (call) =>
      withCredentials(call, call.body, 'second-factor-off', (owner) => turnSecondFactorOff(partsOf(call), owner)),
  }),
  route({
    method: 'POST',
    path: '/api/self/app-passwords',
    summary: 'Make an app password; it is told once',
    action: 'session',
    body: z.strictObject({
      ...proof,
      label: z.string().max(100),
      services: z.array(z.enum(APP_PASSWORD_SERVICES as [string, ...string[]])).min(1),
    }),
    answer: z.object({ name: z.string(), password: z.string() }),
    async run(call) {
      const { label, services } = call.body;
      const made = makeAppPassword();
      const outcome = await withCredentials(call, call.body, 'app-password-made', (owner) =>
        addAppPassword(partsOf(call), owner, { appPassword: made.password, label, services }),
      );
      return outcome.kind === 'done' ? done(made) : outcome;
    },
  }),
  route({
    method: 'DELETE',
    path: '/api/self/app-passwords/{name}',
    summary: 'Remove an app password',
    action: 'session',
    answer: nothing,
    async run(call) {
      const session = sessionOf(call);
      return finished(
        call,
        'app-password-removed',
        await removeAppPassword(partsOf(call), session, call.params.name ?? ''),
      );
    },
  }),
];

const partsOf = ({ services: { mailstore, writer } }: Pick<Call, 'services'>) => ({ mailstore, writer });

/** Judges password and code as the sign-in does, slowed down after failures alike. */
async function prove(
  call: Pick<Call, 'services' | 'acting' | 'session'>,
  given: { readonly password: string; readonly code: string },
): Promise<Outcome<Account>> {
  const { services, acting } = call;
  const session = sessionOf(call);
  const answer = await signInByPassword(
    {
      directory: services.signInDirectory,
      mailstore: services.mailstore,
      throttle: services.throttle,
      log: services.log,
    },
    {
      session: session.account.uuid,
      service: 'console',
      client: acting.client,
      trustedHost: false,
      user: session.account.address,
      ...given,
      gone: () => false,
    },
  );
  if (answer.kind === 'granted' && answer.account.id === session.account.id) return done(answer.entry);
  if (answer.kind === 'unavailable') return refuse('state', 'This is not possible at the moment');
  return refuse('forbidden', 'The password or the code is another one', 'password');
}

async function withCredentials(
  call: Pick<Call, 'services' | 'acting' | 'session'>,
  given: { readonly password: string; readonly code: string },
  action: string,
  change: (owner: { account: ConsoleSession['account']; entry: Account }) => Promise<CredentialChange>,
): Promise<Outcome<null>> {
  const proven = await prove(call, given);
  if (proven.kind !== 'done') return proven;
  return finished(call, action, await change({ account: sessionOf(call).account, entry: proven.value }));
}

async function finished(
  call: Pick<Call, 'services' | 'acting' | 'session'>,
  action: string,
  change: CredentialChange,
): Promise<Outcome<null>> {
  const { address: target } = sessionOf(call).account;
  if (change.kind === 'done') {
    await note(call.services, call.acting, { action, domain: domainOf(target), target });
    return done(null);
  }
  const refused: Refused = refuse('state', change.kind === 'refused' ? change.why : 'The directory does not answer');
  return refused;
}
