/** Pauses between the tries of one waiting message. */
export interface RetrySchedule {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** No pause of the schedule is longer. */
export function longestRetryPauseMs({ maxMs }: RetrySchedule): number {
  return Math.ceil(maxMs * 1.25);
}

/**
 * Pause before the next try: doubles with each one up to the maximum, and is spread over 75 to 125 % of that, so that
 * messages that were deferred together do not all come back together.
 *
 * @param attempts tries that were made already, at least 1
 * @param random a number in [0, 1)
 */
export function retryPauseMs(schedule: RetrySchedule, attempts: number, random: number): number {
  const doublings = Math.min(Math.max(attempts, 1) - 1, 30);
  const pauseMs = Math.min(schedule.firstMs * 2 ** doublings, schedule.maxMs);
  return Math.round(pauseMs * (0.75 + random / 2));
}
