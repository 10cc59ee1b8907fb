/**
 * What Node is told when it runs a service of ours; the units of systemd and the images say the same.
 *
 * V8's young generation would grow to 128 MB under load and stay there while ten thousand clients idle. With 16 MB a half
 * a service settles at 50 MB less, an idle connection's share is what it holds, and throughput is the same
 * (`npm run bench -- idle`, `npm run bench -- inbound`).
 *
 * The old generation may double before all of the heap is marked anew. V8 would let it grow by 8 MB where marking is quick, and counts the buffers of messages in
 * transit among them: at 50 KB a message a service could fall into marking its whole heap three times a second, which doubled its processor time, until chance
 * ended it.
 */
export const NODE_ARGUMENTS: readonly string[] = ['--max-semi-space-size=16', '--heap-growing-percent=100'];
