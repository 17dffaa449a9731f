// The fingerprint of RSA moduli made by the Infineon library with CVE-2017-15361 (ROCA, Nemec et al., CCS 2017): their primes
// are 65537^a modulo a product of small primes, so the modulus is a power of 65537 modulo each of them. Such keys of 2048
// bits can be factored; jose and node:crypto take them. A sound modulus has the fingerprint once in 2^27 or rarer.

const GENERATOR = 65_537n;

const SMALL_PRIMES: readonly bigint[] = [
  3n,
  5n,
  7n,
  11n,
  13n,
  17n,
  19n,
  23n,
  29n,
  31n,
  37n,
  41n,
  43n,
  47n,
  53n,
  59n,
  61n,
  67n,
  71n,
  73n,
  79n,
  83n,
  89n,
  97n,
  101n,
  103n,
  107n,
  109n,
  113n,
  127n,
  131n,
  137n,
  139n,
  149n,
  151n,
  157n,
  163n,
  167n,
];

/** For each small prime, the powers of the generator modulo it. */
const POWERS: readonly { readonly prime: bigint; readonly powers: ReadonlySet<bigint> }[] = SMALL_PRIMES.map(
  (prime) => ({ prime, powers: powersModulo(prime) }),
);

/** Whether a modulus bears the fingerprint. */
export const hasRocaFingerprint = (modulus: bigint): boolean =>
  POWERS.every(({ prime, powers }) => powers.has(modulus % prime));

function powersModulo(prime: bigint): ReadonlySet<bigint> {
  const powers = new Set([1n]);
  for (let power = GENERATOR % prime; power !== 1n; power = (power * GENERATOR) % prime) powers.add(power);
  return powers;
}
