import type { ComponentChildren } from 'preact';
import { Icon, type IconName } from './icon.tsx';

/** A button that shows a picture alone; the label is told to those who do not see it, and on hovering. */
export function IconButton(props: {
  readonly icon: IconName;
  readonly label: string;
  readonly onClick: (event: MouseEvent) => void;
  readonly filled?: boolean;
  readonly disabled?: boolean;
  readonly pressed?: boolean;
  readonly class?: string;
  readonly tabIndex?: number;
  /** A key that does the same; shown on hovering. */
  readonly hint?: string;
}) {
  const { icon, label, hint } = props;
  return (
    <button
      type="button"
      class={`icon-button ${props.class ?? ''}`}
      aria-label={label}
      title={hint === undefined ? label : `${label} (${hint})`}
      aria-pressed={props.pressed}
      disabled={props.disabled ?? false}
      tabIndex={props.tabIndex}
      onClick={props.onClick}
    >
      <Icon name={icon} filled={props.filled ?? false} />
    </button>
  );
}

export function Spinner({ label }: { readonly label: string }) {
  return (
    <div class="spinner" role="status">
      <span class="visually-hidden">{label}</span>
    </div>
  );
}

/** What a place says that has nothing to show. */
export function EmptyState({
  icon,
  title,
  children,
}: {
  readonly icon: IconName;
  readonly title: string;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="empty-state">
      <Icon name={icon} size={40} />
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}
