import { NO_FLAGS } from '../mailstore/flags.ts';
import type { AdministrationParts } from './acting.ts';
import type { AccountEntry } from './tree.ts';

const TEXTS = {
  en: {
    subject: 'Welcome',
    body: (address: string) =>
      `Your mailbox ${address} is ready.\r\n\r\nPlease change the password that you were given as soon as you can.\r\n`,
  },
  de: {
    subject: 'Willkommen',
    body: (address: string) =>
      `Ihr Postfach ${address} ist bereit.\r\n\r\nBitte ändern Sie das Passwort, das Sie bekommen haben, so bald wie möglich.\r\n`,
  },
  fr: {
    subject: 'Bienvenue',
    body: (address: string) =>
      `Votre boîte ${address} est prête.\r\n\r\nVeuillez changer dès que possible le mot de passe que vous avez reçu.\r\n`,
  },
} as const;

/** Puts a first message into the inbox. It holds no password: mail is kept for years. What fails is a line in the log, and no more. */
export async function welcome(
  { mailstore, log, hostname }: AdministrationParts,
  account: AccountEntry,
  language: keyof typeof TEXTS,
): Promise<void> {
  const { subject, body } = TEXTS[language];
  const message = [
    `From: <postmaster@${account.address.slice(account.address.lastIndexOf('@') + 1)}>`,
    `To: <${account.address}>`,
    `Subject: ${subject}`,
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <welcome.${account.uuid}@${hostname}>`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
    'Auto-Submitted: auto-generated',
    '',
    body(account.address),
  ].join('\r\n');
  try {
    const ensured = await mailstore.accounts.ensure({ uuid: account.uuid, address: account.address });
    if (ensured.kind !== 'ready') throw new Error('the address belonged to another entry');
    const inbox = await mailstore.mailboxes.find(ensured.account.id, 'INBOX');
    if (inbox === undefined) throw new Error('there is no inbox');
    const content = await mailstore.contents.put(Buffer.from(message));
    const limits = { bytes: account.quotaBytes, messages: account.quotaMessages };
    await mailstore.messages.append(inbox.id, [{ content, flags: NO_FLAGS, internalDate: new Date() }], limits);
  } catch (error) {
    log.warn({ event: 'welcome-not-sent', address: account.address, err: error });
  }
}
