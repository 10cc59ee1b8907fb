import { tn } from '../i18n/i18n.ts';
import { selection } from '../state/current-list.ts';

/** Rows that are dragged now; what other pages drag here is nothing to us. */
let dragged: readonly string[] = [];
export const draggedRows = (): readonly string[] => dragged;

/** Takes the selection along when the row belongs to it. */
export function beginDrag(event: DragEvent, id: string, subject: string): void {
  const selected = selection.peek();
  dragged = selected.has(id) ? [...selected] : [id];
  const transfer = event.dataTransfer;
  if (transfer === null) return;
  transfer.effectAllowed = 'move';
  transfer.setData('text/plain', subject);
  const ghost = document.createElement('div');
  ghost.className = 'drag-ghost';
  ghost.textContent = dragged.length > 1 ? tn('list.messages', dragged.length) : subject;
  document.body.append(ghost);
  transfer.setDragImage(ghost, 12, 12);
  setTimeout(() => ghost.remove());
  document.addEventListener(
    'dragend',
    () => {
      dragged = [];
    },
    { once: true },
  );
}
