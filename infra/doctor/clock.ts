import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Check, Finding } from './finding.ts';

/** Certificates, DKIM signatures and tokens stand a small difference. */
const WARN_MS = 2_000;
const FAULT_MS = 60_000;
const ASK_MS = 3_000;
const PACKET_BYTES = 48;
const TRANSMIT_AT = 40;
/** RFC 5905 §6: seconds between 1900 and 1970. */
const NTP_EPOCH_S = 2_208_988_800;
const ADVICE = 'Start a time service (systemd-timesyncd, chrony) and let NTP (UDP 123) pass to its server.';

/** The clock beside that of a time server, or, when none is named, whether the system says that it is kept right. */
export function clockCheck(timeServer: string | undefined): Check {
  return {
    name: 'clock',
    run: async () => [timeServer === undefined ? await systemSays() : await compare(timeServer)],
  };
}

async function compare(timeServer: string): Promise<Finding> {
  const finding = (status: Finding['status'], found: string, advice?: string): Finding => {
    return { check: 'clock', subject: timeServer, status, found, advice };
  };
  try {
    const offsetMs = await clockOffsetMs(timeServer);
    const found = `${Math.abs(offsetMs / 1_000).toFixed(1)} s ${offsetMs < 0 ? 'ahead of' : 'behind'} it`;
    if (Math.abs(offsetMs) > FAULT_MS) return finding('fault', found, ADVICE);
    return Math.abs(offsetMs) > WARN_MS ? finding('warning', found, ADVICE) : finding('ok', found);
  } catch (error) {
    return finding('warning', (error as Error).message, 'Name another with --time-server, or let NTP pass.');
  }
}

/**
 * How far this host's clock is behind that of a time server (SNTP, RFC 4330 §5), in milliseconds; negative when ahead.
 *
 * @param server `host` or `host:port`
 */
export function clockOffsetMs(server: string): Promise<number> {
  const [host = server, port = '123'] = isIPv6(server) ? [server] : server.split(':');
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    const end = (error?: Error): void => {
      clearTimeout(timer);
      socket.close();
      if (error !== undefined) reject(error);
    };
    const timer = setTimeout(() => end(new Error(`${server} does not answer`)), ASK_MS);
    const sentAt = Date.now();
    socket.once('error', end);
    socket.once('message', (packet) => {
      const receivedAt = Date.now();
      end();
      if (packet.length < PACKET_BYTES) return reject(new Error(`${server}: not an NTP answer`));
      const seconds = packet.readUInt32BE(TRANSMIT_AT) - NTP_EPOCH_S;
      const theirs = seconds * 1_000 + (packet.readUInt32BE(TRANSMIT_AT + 4) / 2 ** 32) * 1_000;
      resolve(theirs - (sentAt + receivedAt) / 2);
    });
    const question = Buffer.alloc(PACKET_BYTES);
    // RFC 4330 §4: no leap warning, version 4, mode 3 (client).
    question[0] = 0x23;
    socket.send(question, Number(port), host, (error) => {
      if (error !== null) end(error);
    });
  });
}

function systemSays(): Promise<Finding> {
  return new Promise((resolve) => {
    execFile('timedatectl', ['show', '--property=NTPSynchronized', '--value'], { timeout: ASK_MS }, (error, stdout) => {
      const told = stdout.trim();
      if (error === null && told === 'yes') {
        resolve({ check: 'clock', subject: 'system', status: 'ok', found: 'synchronised, says the system' });
      } else if (error === null && told === 'no') {
        resolve({ check: 'clock', subject: 'system', status: 'warning', found: 'not synchronised', advice: ADVICE });
      } else {
        const advice = 'Name a time server: --time-server HOST.';
        resolve({ check: 'clock', subject: 'system', status: 'skipped', found: 'the system does not say', advice });
      }
    });
  });
}
