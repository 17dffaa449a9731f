// The fingerprint of RSA moduli made by the Infineon library with CVE-2017-15361 (ROCA, Nemec et al., CCS 2017): their primes
// are 65537^a modulo a product of small primes, so the modulus is a power of 65537 modulo each of them. Such keys of 2048
// bits can be factored; jose and node:crypto take them. A sound modulus has the fingerprint once in 2^27 or rarer.

const GENERATOR = 65_537n;

const SMALL_PRIMES: readonly bigint[] = (
  '3 5 7 11 13 17 19 23 29 31 37 41 43 47 53 59 61 67 71 73 79 83 89 97 101 103 ' +
  '107 109 113 127 131 137 139 149 151 157 163 167'
)
  .split(' ')
  .map(BigInt);

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
