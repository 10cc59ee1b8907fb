import { useMemo } from 'preact/hooks';
import { encode } from 'uqr';

/** A QR code as a picture of squares; dark on light in both colours, as cameras want it. */
export function QrCode(props: { text: string; label: string }) {
  const { size, data } = useMemo(() => encode(props.text, { ecc: 'M', border: 4 }), [props.text]);
  const squares = data.map((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : '')).join('')).join('');
  return (
    <svg class="qr-code" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={props.label}>
      <rect width={size} height={size} fill="#fff" />
      <path d={squares} fill="#000" shape-rendering="crispEdges" />
    </svg>
  );
}
