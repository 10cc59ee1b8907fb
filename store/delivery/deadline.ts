/** A promise was not settled within its time; what it stands for may still happen. */
export class DeadlinePassed extends Error {
  override readonly name = 'DeadlinePassed';
}

/** The same promise, or a rejection with {@link DeadlinePassed} after `deadlineMs`. `what` is for the log. */
export function within<T>(deadlineMs: number, what: string, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new DeadlinePassed(`${what}: not done in ${deadlineMs} ms`)), deadlineMs);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
