import { signal } from '@preact/signals';

/** Dialogs of the whole page. */
export const pageDialog = signal<'shortcuts' | 'sessions' | undefined>(undefined);
