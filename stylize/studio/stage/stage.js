// The 3D stage: up to two dancers on one skinned mannequin each, posed at any moment of their clips.
//
// Metres, y-up; the audience sits at +z, where the camera begins. Time is handed in: the stage has no clock of its own.

import { THREE, OrbitControls } from "nicegui-scene";
import { unpack } from "vimo-stage/binary.js";

const QUATERNION_STEPS = 32767;
const SIDE_BY_SIDE_M = 0.85; // how far each of two dancers stands from the middle
const COLOURS = [0xf2b45a, 0x5fb8d6]; // of the take on the stage, and of the one beside it
const NIGHT = 0x10131a;
const EYE_M = 0.92;
const FOLLOWED_WITHIN_S = 0.25; // time constant of the camera that follows
const SLOW_MS = 45; // a frame longer than this, for a while, is a weak GPU
const PATIENCE = 12; // frames

export const VIEWS = {
  front: [0.6, 1.35, 4.0],
  side: [4.0, 1.3, 0.4],
  back: [-0.5, 1.45, -4.0],
  above: [0, 5.6, 0.9],
};

const QUALITIES = {
  high: { pixels: 2, shadows: 2048 },
  medium: { pixels: 1, shadows: 1024 },
  low: { pixels: 0.6, shadows: 0 },
};

export function createStage(canvas, bodyBuffer, { keepPicture = false } = {}) {
  const body = unpack(bodyBuffer);
  const geometry = skinnedGeometry(body);
  const renderer = new THREE.WebGLRenderer({ canvas, antialias: true, preserveDrawingBuffer: keepPicture });
  renderer.shadowMap.type = THREE.PCFSoftShadowMap;
  renderer.toneMapping = THREE.ACESFilmicToneMapping;

  const scene = new THREE.Scene();
  scene.background = new THREE.Color(NIGHT);
  scene.fog = new THREE.Fog(NIGHT, 7, 16);
  const room = new THREE.Group(); // everything that a mirror turns over
  scene.add(room, floorOfStudio());
  const key = lights(scene);

  const camera = new THREE.PerspectiveCamera(34, 1, 0.05, 60);
  const controls = new OrbitControls(camera, canvas);
  Object.assign(controls, { enableDamping: true, dampingFactor: 0.15, minDistance: 1.2, maxDistance: 14 });
  controls.maxPolarAngle = Math.PI / 2 - 0.02; // never under the floor

  const dancers = [];
  const state = { time: 0, follow: true, mirror: false, quality: "auto", level: "high", stale: true, slow: 0 };

  function setDancer(place, clipBuffer, startS = 0) {
    remove(place);
    if (clipBuffer) {
      dancers[place] = createDancer(geometry, body, unpack(clipBuffer), COLOURS[place], startS);
      room.add(dancers[place].root, dancers[place].blob);
    }
    const two = present().length > 1;
    dancers.forEach((dancer, index) => {
      if (dancer) dancer.shiftM = two ? (index ? SIDE_BY_SIDE_M : -SIDE_BY_SIDE_M) : 0;
    });
    applyQuality();
    pose(state.time);
    follow(Infinity);
  }

  function remove(place) {
    const gone = dancers[place];
    if (!gone) return;
    room.remove(gone.root, gone.blob);
    gone.dispose();
    dancers[place] = null;
  }

  const present = () => dancers.filter(Boolean);

  // Seconds of the song (of the clip, where there is none).
  function pose(time) {
    state.time = time;
    for (const dancer of present()) dancer.pose(time);
    state.stale = true;
  }

  function view(name) {
    const middle = middleOfDancers();
    const far = present().length > 1 ? 1.25 : 1;
    controls.target.set(middle.x, EYE_M, middle.z);
    camera.position.fromArray(VIEWS[name]).multiplyScalar(far).add(new THREE.Vector3(middle.x, 0, middle.z));
    controls.update();
    state.stale = true;
  }

  function middleOfDancers() {
    const middle = new THREE.Vector3();
    const here = present();
    for (const dancer of here) middle.add(dancer.placeM());
    if (here.length) middle.divideScalar(here.length);
    if (state.mirror) middle.x = -middle.x;
    return middle;
  }

  // Moves the camera with the dancers, keeping the angle that a person chose.
  function follow(passedS) {
    if (!state.follow || !present().length) return;
    const middle = middleOfDancers();
    const share = 1 - Math.exp(-passedS / FOLLOWED_WITHIN_S);
    const step = new THREE.Vector3(middle.x - controls.target.x, 0, middle.z - controls.target.z);
    step.multiplyScalar(share);
    controls.target.add(step);
    camera.position.add(step);
    key.target.position.set(controls.target.x, 0, controls.target.z);
    key.position.set(controls.target.x + 1.8, 4.6, controls.target.z + 2.6);
  }

  // Draws if anything changed; `passedS` since the last call, `moving` while time runs.
  function draw(passedS, moving) {
    if (moving) follow(passedS);
    if (controls.update()) state.stale = true;
    if (!state.stale) return false;
    watchSpeed(passedS, moving);
    renderer.render(scene, camera);
    state.stale = false;
    return true;
  }

  function watchSpeed(passedS, moving) {
    if (state.quality !== "auto" || !moving) return;
    state.slow = 1000 * passedS > SLOW_MS ? state.slow + 1 : Math.max(0, state.slow - 1);
    if (state.slow < PATIENCE || state.level === "low") return;
    state.slow = 0;
    state.level = state.level === "high" ? "medium" : "low";
    applyQuality();
  }

  function setQuality(name) {
    state.quality = name;
    if (name !== "auto") state.level = name;
    applyQuality();
  }

  function applyQuality() {
    const { pixels, shadows } = QUALITIES[state.level];
    renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2) * Math.min(1, pixels));
    renderer.shadowMap.enabled = key.castShadow = shadows > 0;
    if (shadows && key.shadow.mapSize.x !== shadows) {
      key.shadow.mapSize.set(shadows, shadows);
      key.shadow.map?.dispose();
      key.shadow.map = null;
    }
    for (const dancer of present()) dancer.blob.visible = !shadows;
    resize();
  }

  function resize() {
    const width = canvas.clientWidth || 640;
    const height = canvas.clientHeight || 480;
    renderer.setSize(width, height, false);
    camera.aspect = width / height;
    camera.updateProjectionMatrix();
    state.stale = true;
  }

  function setMirror(on) {
    state.mirror = on;
    room.scale.x = on ? -1 : 1;
    follow(Infinity);
    state.stale = true;
  }

  const resized = new ResizeObserver(resize);
  resized.observe(canvas);
  view("front");
  applyQuality();

  return {
    setDancer, pose, draw, view, setQuality, setMirror,
    setFollow(on) { state.follow = on; if (on) follow(Infinity); state.stale = true; },
    quality: () => state.level,
    time: () => state.time,
    endS: () => Math.max(0, ...present().map((dancer) => dancer.endS)),
    // World positions of the joints in metres, by name: what tests hold against forward kinematics.
    joints(place = 0) {
      room.updateMatrixWorld(true);
      const where = new THREE.Vector3();
      return Object.fromEntries(dancers[place].bones.map((bone) => [bone.name, bone.getWorldPosition(where).toArray()]));
    },
    dispose() {
      resized.disconnect();
      controls.dispose();
      [0, 1].forEach(remove);
      geometry.dispose();
      renderer.dispose();
    },
  };
}

function skinnedGeometry(body) {
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.BufferAttribute(body.vertices_m, 3));
  geometry.setAttribute("normal", new THREE.BufferAttribute(body.normals, 3));
  geometry.setAttribute("skinIndex", new THREE.BufferAttribute(body.joints, 4));
  geometry.setAttribute("skinWeight", new THREE.BufferAttribute(body.weights, 4));
  geometry.setIndex(new THREE.BufferAttribute(body.faces, 1));
  return geometry;
}

function createDancer(geometry, body, clip, colour, startS) {
  const { root, bones, mesh } = rig(geometry, body, colour);
  const blob = softShadow();
  const quaternions = Float32Array.from(clip.quaternions, (step) => step / QUATERNION_STEPS);
  const [rotation, last] = [[0, 0, 0, 1], clip.frames - 1];
  const dancer = { root, bones, blob, shiftM: 0, endS: startS + last / clip.fps, pose, placeM, dispose };

  function pose(time) {
    const position = Math.min(Math.max((time - startS) * clip.fps, 0), last);
    const before = Math.min(Math.floor(position), Math.max(last - 1, 0));
    const after = Math.min(before + 1, last);
    const share = position - before;
    bones.forEach((bone, joint) => {
      const [from, to] = [4 * (24 * before + joint), 4 * (24 * after + joint)];
      THREE.Quaternion.slerpFlat(rotation, 0, quaternions, from, quaternions, to, share);
      bone.quaternion.fromArray(rotation).normalize();
    });
    const at = (axis) => clip.root_m[3 * before + axis] * (1 - share) + clip.root_m[3 * after + axis] * share;
    bones[0].position.set(at(0), at(1), at(2));
    root.position.x = dancer.shiftM;
    blob.position.set(at(0) + dancer.shiftM, 0.006, at(2));
  }

  function placeM() {
    return new THREE.Vector3(bones[0].position.x + dancer.shiftM, 0, bones[0].position.z);
  }

  function dispose() {
    mesh.skeleton.dispose();
    mesh.material.dispose();
    blob.material.map.dispose();
    blob.material.dispose();
    blob.geometry.dispose();
  }

  return dancer;
}

function rig(geometry, body, colour) {
  const bones = body.names.map((name, joint) => {
    const bone = new THREE.Bone();
    bone.name = name;
    bone.position.fromArray(body.offsets_m, 3 * joint);
    return bone;
  });
  bones[0].position.set(0, 0, 0); // the mesh's origin is the pelvis
  body.parents.forEach((parent, joint) => { if (parent >= 0) bones[parent].add(bones[joint]); });
  const material = new THREE.MeshStandardMaterial({ color: colour, roughness: 0.62, metalness: 0.05 });
  const mesh = new THREE.SkinnedMesh(geometry, material);
  Object.assign(mesh, { castShadow: true, receiveShadow: true, frustumCulled: false });
  const root = new THREE.Group();
  root.add(bones[0], mesh);
  root.updateMatrixWorld(true);
  mesh.bind(new THREE.Skeleton(bones));
  return { root, bones, mesh };
}

function lights(scene) {
  scene.add(new THREE.HemisphereLight(0xccd4e8, 0x26221e, 1.0));
  const key = new THREE.SpotLight(0xfff1dc, 95, 14, 0.62, 0.7, 2);
  key.position.set(1.8, 4.6, 2.6);
  key.castShadow = true;
  key.shadow.bias = -0.0006;
  key.shadow.normalBias = 0.02;
  key.shadow.camera.near = 1;
  key.shadow.camera.far = 12;
  const rim = new THREE.DirectionalLight(0x7fa8ff, 1.5);
  rim.position.set(-2.5, 3.2, -4);
  scene.add(key, key.target, rim);
  return key;
}

// A round floor that fades into the night, with a line every metre and a bright one before the audience.
function floorOfStudio() {
  const floor = new THREE.Group();
  const material = new THREE.MeshStandardMaterial({ color: 0x4a484e, roughness: 0.85, map: radialTexture("#ffffff", "#3c3c44") });
  const ground = new THREE.Mesh(new THREE.CircleGeometry(9, 72), material);
  ground.rotation.x = -Math.PI / 2;
  ground.receiveShadow = true;
  const grid = new THREE.GridHelper(12, 12, 0x7a88a8, 0x566078);
  Object.assign(grid.material, { transparent: true, opacity: 0.34 });
  grid.position.y = 0.003;
  floor.add(ground, grid);
  return floor;
}

// What stands in for a cast shadow where those cost too much.
function softShadow() {
  const map = radialTexture("rgba(0,0,0,0.75)", "rgba(0,0,0,0)");
  const material = new THREE.MeshBasicMaterial({ map, transparent: true, depthWrite: false, fog: false });
  const blob = new THREE.Mesh(new THREE.PlaneGeometry(1.1, 1.1), material);
  blob.rotation.x = -Math.PI / 2;
  return blob;
}

function radialTexture(inner, outer) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 256;
  const pen = canvas.getContext("2d");
  const shade = pen.createRadialGradient(128, 128, 4, 128, 128, 128);
  shade.addColorStop(0, inner);
  shade.addColorStop(1, outer);
  pen.fillStyle = shade;
  pen.fillRect(0, 0, 256, 256);
  const texture = new THREE.CanvasTexture(canvas);
  texture.colorSpace = THREE.SRGBColorSpace;
  return texture;
}
