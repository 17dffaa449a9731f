// DER values that stand one after the other (X.690 §8.1, §10.1), taken apart by tag and length alone: how the SPIFFE Workload API
// sends chains and bundles (§5.1). Refuses what is no whole SEQUENCE, indefinite lengths and lengths written longer than they
// must be, so that bytes can be cut in one way only. What stands inside a value is not looked at.

const SEQUENCE = 0x30;
const LONG_FORM = 0x80;
/** Lengths of up to 16 MiB; everything that is read here is capped far below. */
const LENGTH_OCTETS_MAX = 3;

/** The SEQUENCEs that these bytes consist of, at most `countMax`; undefined where they do not. No bytes are no values. Never throws. */
export function splitSequences(bytes: Uint8Array, countMax: number): readonly Uint8Array[] | undefined {
  const found: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = endOfSequence(bytes, at);
    if (end === undefined || found.length === countMax) return undefined;
    found.push(bytes.subarray(at, end));
    at = end;
  }
  return found;
}

/** Where the SEQUENCE that begins at `start` ends. */
function endOfSequence(bytes: Uint8Array, start: number): number | undefined {
  const first = bytes[start + 1];
  if (bytes[start] !== SEQUENCE || first === undefined) return undefined;
  const octets = first < LONG_FORM ? 0 : first - LONG_FORM;
  if (octets > LENGTH_OCTETS_MAX || first === LONG_FORM) return undefined;
  const body = start + 2 + octets;
  const length = octets === 0 ? first : longLength(bytes.subarray(start + 2, body), octets);
  return length !== undefined && body + length <= bytes.length ? body + length : undefined;
}

function longLength(octets: Uint8Array, count: number): number | undefined {
  if (octets.length !== count || octets[0] === 0) return undefined;
  const length = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  // Below that the short form is the only one in DER.
  return length < LONG_FORM ? undefined : length;
}
