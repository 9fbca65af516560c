// The power spectrum of a frame, by the fast Fourier transform of Cooley and Tukey (radix 2, in place).

/** size: a power of two. Returns a function from real samples [size] to powers [size / 2], with a Hann window. */
export function powerSpectrum(size) {
  const [cosines, sines, order] = tables(size);
  const window = Float32Array.from({ length: size }, (_, k) => 0.5 - 0.5 * Math.cos((2 * Math.PI * k) / size));
  const [real, imaginary] = [new Float32Array(size), new Float32Array(size)];
  return (samples, first, powers) => {
    for (let k = 0; k < size; k += 1) {
      real[order[k]] = (samples[first + k] ?? 0) * window[k]; // silence before the beginning and after the end
      imaginary[k] = 0;
    }
    transform(real, imaginary, cosines, sines);
    for (let k = 0; k < size / 2; k += 1) powers[k] = real[k] * real[k] + imaginary[k] * imaginary[k];
    return powers;
  };
}

function tables(size) {
  const angle = (k) => (-2 * Math.PI * k) / size;
  const cosines = Float32Array.from({ length: size / 2 }, (_, k) => Math.cos(angle(k)));
  const sines = Float32Array.from({ length: size / 2 }, (_, k) => Math.sin(angle(k)));
  const order = new Uint32Array(size);
  for (let k = 1; k < size; k += 1) order[k] = (order[k >> 1] >> 1) | (k & 1 ? size >> 1 : 0);
  return [cosines, sines, order];
}

function transform(real, imaginary, cosines, sines) {
  const size = real.length;
  for (let half = 1; half < size; half *= 2) {
    const stride = size / (2 * half);
    for (let start = 0; start < size; start += 2 * half) {
      for (let k = 0; k < half; k += 1) {
        const [a, b] = [start + k, start + k + half];
        const [c, s] = [cosines[k * stride], sines[k * stride]];
        const re = real[b] * c - imaginary[b] * s;
        const im = real[b] * s + imaginary[b] * c;
        real[b] = real[a] - re;
        imaginary[b] = imaginary[a] - im;
        real[a] += re;
        imaginary[a] += im;
      }
    }
  }
}
