// Reads what core_vimo/formats/web.py writes: a JSON header and the typed arrays that it lists.

const TYPES = { f4: Float32Array, i2: Int16Array, u2: Uint16Array, u4: Uint32Array };

export function unpack(buffer) {
  const headerBytes = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, headerBytes)));
  const found = { ...header };
  let offset = 4 + headerBytes;
  for (const { name, type, shape } of header.arrays) {
    const count = shape.reduce((product, side) => product * side, 1);
    found[name] = new TYPES[type](buffer, offset, count);
    offset += Math.ceil(found[name].byteLength / 4) * 4;
  }
  return found;
}
