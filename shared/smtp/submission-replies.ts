import { type Reply, reply } from './reply.ts';

/** What submission answers (RFC 6409, RFC 4954), at the hub and on the road. */
export const SUBMISSION_REPLIES = {
  senderOk: reply(250, '2.1.0', 'Sender accepted'),
  badCredentials: reply(535, '5.7.8', 'Authentication failed'),
  noSignInNow: reply(454, '4.7.0', 'Authentication is not possible at the moment'),
  needsSignIn: reply(530, '5.7.0', 'Authentication required'),
  notYourAddress: reply(553, '5.7.1', 'This sender address is not yours'),
  notTheAuthor: reply(553, '5.7.1', 'The address in From is not yours'),
  noAuthor: reply(554, '5.6.0', 'The message names no author: From is missing'),
  /** RFC 3463 §3.8: X.7.1 is about policy; 450 has the client try again, when the window has passed. */
  overLimit: reply(450, '4.7.1', 'You have sent too much for now, try again later'),
} as const satisfies Record<string, Reply>;
