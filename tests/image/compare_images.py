#!/usr/bin/env python3
"""Compares Corbel's pictures with Pillow's, and its image processors with those of transformers, on random input.

    compare_images.py IMAGE_TOOL [--count N] [--seed N]

PNG of every kind and JPEG: decoded pixels; every filter at random sizes: resized pixels; random processor files of
every supported class: pixel_values. PNG and resizing must be equal, values within 1e-6. JPEG decoders of different
versions may differ by 2 levels. Exits with 77 (skipped) where a Python package is missing, with 1 and the first
differences where something differs.
"""
import argparse
import io
import json
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import warnings
import zlib

try:
    import numpy
    from PIL import Image, ImageOps
except ImportError:
    print("skipped: the Python packages numpy and Pillow are not installed")
    sys.exit(77)

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
KINDS = [(1, 0), (2, 0), (4, 0), (8, 0), (16, 0), (8, 2), (16, 2), (1, 3), (2, 3), (4, 3), (8, 3), (8, 4), (16, 4),
         (8, 6), (16, 6)]


# ---- pictures -------------------------------------------------------------------------------------------------------

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def filtered_rows(r, width, height, bits):
    size = (width * bits + 7) // 8 if width else 0
    return b"".join(bytes([r.randrange(5)]) + r.randbytes(size) for _ in range(height)) if size else b""


def random_png(r, width, height):
    """Of a random kind; rows are random bytes after a random filter, so every bit of every sample occurs."""
    depth, colour = r.choice(KINDS)
    bits, interlaced = depth * CHANNELS[colour], r.random() < 0.4
    data = filtered_rows(r, width, height, bits)
    if interlaced:
        data = b""
        for x, y, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
                             (0, 1, 1, 2)):
            data += filtered_rows(r, max(0, width - x + dx - 1) // dx, max(0, height - y + dy - 1) // dy, bits)
    chunks = [chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))]
    if r.random() < 0.3:
        chunks.append(chunk(b"gAMA", struct.pack(">I", r.choice([45455, 100000, 22000]))))
    if colour == 3:
        entries = r.randint(1, 1 << depth)  # perhaps fewer than the pixels name
        chunks.append(chunk(b"PLTE", r.randbytes(3 * entries)))
        if r.random() < 0.5:
            chunks.append(chunk(b"tRNS", r.randbytes(r.randint(1, entries))))
    elif colour in (0, 2) and r.random() < 0.4:
        high = (1 << depth) - 1
        chunks.append(chunk(b"tRNS", b"".join(struct.pack(">H", r.randint(0, high))
                                              for _ in range(CHANNELS[colour]))))
    early, late = ([], []) if r.random() < 0.6 else r.choice([orientation_chunk(r), ([], [])])
    packed = zlib.compress(data, r.choice([0, 1, 9]))
    cut = r.randint(0, len(packed))
    chunks += early + [chunk(b"IDAT", packed[:cut]), chunk(b"IDAT", packed[cut:])] + late
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + chunk(b"IEND", b"")


def tiff(r):
    """EXIF with an orientation among other tags, in either byte order."""
    order, orientation = r.choice("<>"), r.choice([1, 2, 3, 4, 5, 6, 7, 8, 0, 9])
    entries = [struct.pack(order + "HHI", 0x010f, 2, 4) + b"abc\0"]
    entries.append(struct.pack(order + "HHI", 0x0112, 3, 1) + struct.pack(order + "HH", orientation, 0))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return head + struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4)


def xmp(r):
    n = r.randrange(10)
    return r.choice([f'<x tiff:Orientation="{n}"/>', f"<x><tiff:Orientation>{n}</tiff:Orientation></x>"]).encode()


def orientation_chunk(r):
    """Before or behind the pixels."""
    made = r.choice([
        lambda: chunk(b"eXIf", tiff(r)),
        lambda: chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(r)),
        lambda: chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile(tiff(r)))),
    ])()
    return r.choice([([made], []), ([], [made])])


def profile(data):
    data = b"Exif\0\0" + data
    digits = data.hex()
    lines = "\n".join(digits[i:i + 72] for i in range(0, len(digits), 72))
    return f"\nexif\n{len(data):8}\n{lines}\n".encode()


def smooth(r, width, height, channels):
    """Something like a photo: waves and a little grain."""
    y, x = numpy.mgrid[0:height, 0:width].astype(numpy.float64)
    planes = [128 + 100 * numpy.sin(x * r.uniform(0, 0.3) + y * r.uniform(0, 0.3) + r.uniform(0, 6))
              for _ in range(channels)]
    noise = numpy.random.default_rng(r.getrandbits(32)).normal(0, 12, (height, width, channels))
    return numpy.clip(numpy.stack(planes, -1) + noise, 0, 255).astype(numpy.uint8)


def random_jpeg(r, width, height):
    mode = r.choice(["L", "RGB", "RGB", "RGB", "CMYK"])
    pixels = smooth(r, width, height, len(mode) if mode != "L" else 1)
    image = Image.fromarray(pixels[..., 0] if mode == "L" else pixels, mode=mode)
    options = {"quality": r.randint(20, 98), "progressive": r.random() < 0.4, "optimize": r.random() < 0.3}
    if mode != "L":
        options["subsampling"] = r.choice([0, 1, 2]) if mode == "RGB" else 0
    if r.random() < 0.3:
        options["exif"] = b"Exif\0\0" + tiff(r)
    elif r.random() < 0.2:
        options["xmp"] = xmp(r)
    if r.random() < 0.3:
        options["restart_marker_blocks"] = r.randint(1, 8)
    file = io.BytesIO()
    image.save(file, "jpeg", **options)
    data = file.getvalue()
    adobe = data.find(b"Adobe")
    if adobe > 0 and r.random() < 0.5:  # the same inks as luminance and colours: YCCK
        data = data[:adobe + 11] + b"\2" + data[adobe + 12:]
    return data


def pillow_pixels(data):
    """As transformers' load_image."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return numpy.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))


# ---- the tool -------------------------------------------------------------------------------------------------------

class Tool:
    def __init__(self, command):
        self.process = subprocess.Popen([command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.out = self.folder / "out"

    def put(self, name, data):
        (self.folder / name).write_bytes(data)
        return self.folder / name

    def ask(self, *words, dtype=numpy.uint8):
        """The array that the tool wrote, or the error as a string."""
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if answer.startswith("error:") or not answer:
            return answer
        shape = [int(n) for n in answer.split()]
        shape = [shape[1], shape[0], 3] if len(shape) == 2 else shape
        return numpy.fromfile(self.out, dtype=dtype).reshape(shape)

    def decode(self, path):
        return self.ask("decode", path, self.out)

    def resize(self, path, width, height, resample):
        return self.ask("resize", path, width, height, resample, self.out)

    def process_images(self, folder, paths):
        return self.ask("process", folder, self.out, *paths, dtype=numpy.float32)


class Differences:
    def __init__(self):
        self.n, self.checked, self.largest, self.failed = 0, {}, {}, {}

    def check(self, topic, what, found, expected, tolerance):
        self.checked[topic] = self.checked.get(topic, 0) + 1
        if isinstance(found, str) or isinstance(expected, str):
            wrong = isinstance(found, str) != isinstance(expected, str)
            why = f"{found if isinstance(found, str) else 'fine'}; expected " \
                  f"{expected if isinstance(expected, str) else 'a picture'}"
        elif found.shape != expected.shape:
            wrong, why = True, f"shape {found.shape}; expected {expected.shape}"
        else:
            distance = float(numpy.abs(found.astype(numpy.float64) - expected.astype(numpy.float64)).max())
            self.largest[topic] = max(distance, self.largest.get(topic, 0))
            wrong, why = not distance <= tolerance, f"differs by {distance}"
        if wrong:
            self.n += 1
            self.failed[topic] = self.failed.get(topic, 0) + 1
            if self.failed[topic] <= 10:
                print(f"{topic} {what}: {why}")


# ---- processors -----------------------------------------------------------------------------------------------------

CLASSES = ["ViT", "DeiT", "ConvNext", "CLIP", "ChineseCLIP", "Bit", "Siglip", "Blip", "Beit", "EfficientNet", "Levit",
           "MobileNetV1", "MobileNetV2", "MobileViT", "PoolFormer", "Pvt", "Segformer"]


def random_size(r):
    n, m = r.randint(1, 60), r.randint(1, 60)
    return r.choice([n, [n, m], {"height": n, "width": m}, {"height": n, "width": m}, {"shortest_edge": n},
                     {"shortest_edge": n}, {"shortest_edge": n, "longest_edge": n + m},
                     {"max_height": n, "max_width": m}])


def random_config(r, name):
    config = {"image_processor_type": name + r.choice(["ImageProcessor", "ImageProcessorFast", "FeatureExtractor"])}
    for key, make in {
        "do_resize": lambda: r.random() < 0.8, "size": lambda: random_size(r), "resample": lambda: r.randrange(6),
        "do_center_crop": lambda: r.random() < 0.5 and name != "Segformer",
        "crop_size": lambda: r.choice([r.randint(1, 60), {"height": r.randint(1, 60), "width": r.randint(1, 60)}]),
        "do_rescale": lambda: r.random() < 0.8, "rescale_factor": lambda: r.choice([1 / 255, 1 / 127.5, 0.0039]),
        "do_normalize": lambda: r.random() < 0.8 and name != "MobileViT",
        "image_mean": lambda: r.choice([[0.485, 0.456, 0.406], 0.5, [0, 0.1, 0.7]]),
        "image_std": lambda: r.choice([[0.229, 0.224, 0.225], 0.5, [1, 2, 0.3]]),
        "do_convert_rgb": lambda: r.random() < 0.5, "default_to_square": lambda: r.random() < 0.5,
    }.items():
        if r.random() < 0.5:
            config[key] = make()
    if name in ("ConvNext", "PoolFormer") and r.random() < 0.5:
        config["crop_pct"] = r.choice([0.875, 0.9, 1.0, 0.5])
    if name == "EfficientNet":
        config.update({k: r.random() < 0.5 for k in ("rescale_offset", "include_top") if r.random() < 0.6})
    if name == "MobileViT" and r.random() < 0.5:
        config["do_flip_channel_order"] = r.random() < 0.5
    if r.random() < 0.1:
        config[r.choice(list(config))] = None
        config["image_processor_type"] = name + "ImageProcessor"
    return config


def transformers_values(classes, name, config, images):
    """What the processor on Pillow makes; a string where transformers refuses."""
    try:
        keys = {k: v for k, v in config.items() if k != "image_processor_type"}
        processor = classes[name].from_dict(keys)
        values = processor(images=[Image.fromarray(i) for i in images], return_tensors="np")["pixel_values"]
        return numpy.asarray(values).astype(numpy.float32)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def compare_processors(r, tool, differences, count):
    try:
        import transformers
        classes = {name: getattr(transformers, name + "ImageProcessorPil") for name in CLASSES}
    except Exception as error:
        print(f"processors skipped: {error}")
        return
    transformers.logging.set_verbosity_error()
    for i in range(count):
        name = r.choice(CLASSES)
        config = random_config(r, name)
        folder = tool.folder / "model"
        folder.mkdir(exist_ok=True)
        nested = r.random() < 0.3
        (folder / "config.json").write_text("{}")
        (folder / "processor_config.json").unlink(missing_ok=True)
        (folder / "preprocessor_config.json").unlink(missing_ok=True)
        (folder / ("processor_config.json" if nested else "preprocessor_config.json")).write_text(
            json.dumps({"processor_class": "P", "image_processor": config} if nested else config))
        images = [smooth(r, r.randint(4, 90), r.randint(4, 90), 3) for _ in range(r.choice([1, 1, 2]))]
        paths = []
        for n, image in enumerate(images):
            file = io.BytesIO()
            Image.fromarray(image).save(file, "png")
            paths.append(tool.put(f"{n}.png", file.getvalue()))
        differences.check("processor", f"{json.dumps(config)} on {[i.shape for i in images]}",
                          tool.process_images(folder, paths), transformers_values(classes, name, config, images), 1e-6)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    r, tool, differences = random.Random(args.seed), Tool(args.tool), Differences()
    for i in range(args.count):
        data = random_png(r, r.randint(1, 40), r.randint(1, 40))
        path = tool.put("a.png", data)
        differences.check("png", f"{i}", tool.decode(path), pillow_pixels(data), 0)
        data = random_jpeg(r, r.randint(1, 70), r.randint(1, 70))
        path = tool.put("a.jpg", data)
        differences.check("jpeg", f"{i}", tool.decode(path), pillow_pixels(data), 2)
    for i in range(args.count):
        pixels = smooth(r, r.randint(1, 150), r.randint(1, 150), 3)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "png")
        path = tool.put("a.png", file.getvalue())
        width, height, resample = r.randint(1, 200), r.randint(1, 200), r.randrange(6)
        expected = numpy.asarray(Image.fromarray(pixels).resize((width, height), resample=resample))
        differences.check("resize", f"{pixels.shape} to {height} x {width}, filter {resample}",
                          tool.resize(path, width, height, resample), expected, 0)
    compare_processors(r, tool, differences, args.count)
    print(f"checked {differences.checked}, largest differences {differences.largest}: {differences.n} failures")
    return differences.n > 0


if __name__ == "__main__":
    sys.exit(main())
