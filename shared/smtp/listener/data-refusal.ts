import { type Reply, reply } from '../reply.ts';
import type { DataViolation } from '../strict-data.ts';
import type { ListenerLimits } from './session.ts';

/** The reply to a message that breaks a rule of form. */
export function refusalOf(violation: DataViolation, limits: ListenerLimits): Reply {
  switch (violation) {
    case 'bare-cr':
      return reply(550, '5.6.0', 'Message refused: it contains a bare CR; lines must end in CRLF');
    case 'bare-lf':
      return reply(550, '5.6.0', 'Message refused: it contains a bare LF; lines must end in CRLF');
    case 'nul':
      return reply(550, '5.6.0', 'Message refused: it contains NUL');
    case 'size':
      return reply(552, '5.3.4', `Message size exceeds the limit of ${limits.maxMessageBytes} octets`);
    case 'header-fields':
      return reply(552, '5.3.4', `Message refused: more than ${limits.maxHeaderFields} header fields`);
    case 'header-bytes':
      return reply(552, '5.3.4', `Message refused: its header exceeds ${limits.maxHeaderBytes} octets`);
    case 'memory':
      return reply(452, '4.3.1', 'Too many messages in hand, try again later');
  }
}
