// Which addresses this process may dial: public unicast; private networks where the operator said so; loopback in tests only.
// Link-local, multicast, reserved and metadata addresses are refused whatever is configured (A-38, JB-06 and its -bis draft).
// An IPv6 address that carries an IPv4 address is judged by what it carries, since that is where the packets end.

import ipaddr from 'ipaddr.js';

export interface AddressOptions {
  /** Permits RFC 1918, RFC 4193 and carrier-grade NAT (RFC 6598) addresses. */
  readonly privateNetwork: boolean;
  readonly loopback: boolean;
}

/**
 * Metadata services that live outside 169.254.0.0/16 and fe80::/10, hence inside ranges that `privateNetwork` or the public
 * internet would permit: they hand credentials to whoever asks. [documented by AWS, Google, Oracle, Scaleway, Alibaba, Azure]
 */
const METADATA: readonly string[] = [
  'fd00:ec2::/32',
  'fd20:ce::254/128',
  'fd00:c1::a9fe:a9fe/128',
  'fd00:42::42/128',
  '100.100.100.200/32',
  '168.63.129.16/32',
];

/** Why this address must not be dialled, or undefined where it may. Total: anything unreadable is a problem. */
export function addressProblem(address: string, options: AddressOptions): string | undefined {
  // `isValid` alone takes octal, hexadecimal and short forms, and zones: other readers of such a text may disagree with us.
  if (ipaddr.IPv4.isValidFourPartDecimal(address)) return ipv4Problem(ipaddr.IPv4.parse(address), options);
  if (ipaddr.IPv6.isValid(address) && !address.includes('%')) return ipv6Problem(ipaddr.IPv6.parse(address), options);
  return 'not an IP address';
}

function ipv4Problem(address: ipaddr.IPv4, options: AddressOptions): string | undefined {
  if (isMetadata(address)) return 'a metadata address';
  return rangeProblem(address.range(), options);
}

function ipv6Problem(address: ipaddr.IPv6, options: AddressOptions): string | undefined {
  if (isMetadata(address)) return 'a metadata address';
  const range = address.range();
  const embedded = embeddedAddresses(address, range);
  if (embedded) return embedded.map((inner) => ipv4Problem(inner, options)).find((problem) => problem !== undefined);
  // ipaddr.js calls all unassigned space unicast; the only global unicast space is 2000::/3 (IANA).
  if (range === 'unicast' && !address.match(ipaddr.IPv6.parse('2000::'), 3)) return 'a reserved address';
  return rangeProblem(range, options);
}

/** Every IPv4 address inside an IPv6 address of a transition mechanism, or undefined where it is none. */
function embeddedAddresses(address: ipaddr.IPv6, range: string): readonly ipaddr.IPv4[] | undefined {
  const bytes = address.toByteArray();
  const at = (start: number) => new ipaddr.IPv4(bytes.slice(start, start + 4));
  switch (range) {
    case 'ipv4Mapped':
    case 'rfc6145':
      return [at(12)];
    case 'rfc6052':
      // Only the well-known prefix says where the IPv4 address stands; 64:ff9b:1::/48 leaves that to each operator.
      return address.match(ipaddr.IPv6.parse('64:ff9b::'), 96) ? [at(12)] : undefined;
    case '6to4':
      return [at(2)];
    case 'teredo':
      // RFC 4380 §4: the relay's address, and the client's with every bit flipped.
      return [at(4), new ipaddr.IPv4(bytes.slice(12, 16).map((byte) => byte ^ 0xff))];
    default:
      return undefined;
  }
}

function rangeProblem(range: string, options: AddressOptions): string | undefined {
  switch (range) {
    case 'unicast':
      return undefined;
    case 'private':
    case 'carrierGradeNat':
    case 'uniqueLocal':
      return options.privateNetwork ? undefined : 'a private address';
    case 'loopback':
      return options.loopback ? undefined : 'a loopback address';
    case 'linkLocal':
      return 'a link-local address';
    default:
      return 'a reserved address';
  }
}

const isMetadata = (address: ipaddr.IPv4 | ipaddr.IPv6): boolean =>
  METADATA.some((text) => {
    const [network, bits] = ipaddr.parseCIDR(text);
    return network.kind() === address.kind() && address.match(network, bits);
  });
