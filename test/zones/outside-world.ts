import { silentLog } from '@postern/shared/runtime/log.ts';
import { startListener } from '@postern/shared/smtp/listener.ts';
import { reply } from '@postern/shared/smtp/reply.ts';
import { startDns } from '../support/dns.ts';

// Runs on the Internet of the proof at the address given: a name server, and the mail server of another organisation. One line a message.
const address = process.argv[2] ?? '';
await startDns(
  { 'MX elsewhere.example': ['mx.elsewhere.example'], 'A mx.elsewhere.example': [address] },
  { address, port: 53 },
);
await startListener({
  protocol: 'smtp',
  hostname: 'mx.elsewhere.example',
  address,
  port: 25,
  log: silentLog(),
  handlers: {
    onMail: () => reply(250, '2.1.0', 'ok'),
    onRecipient: () => reply(250, '2.1.5', 'ok'),
    onData({ remoteAddress }, { reversePath, recipients }, { content }) {
      const to = recipients.map((recipient) => recipient.address);
      process.stdout.write(
        `${JSON.stringify({ client: remoteAddress, from: reversePath, to, content: content.toString() })}\n`,
      );
      return reply(250, '2.0.0', 'taken');
    },
  },
});
process.stdout.write('ready\n');
