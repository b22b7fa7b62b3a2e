"""Make the files of tests/data/tf_files with the libraries whose forms they are. The tests read them without any.

    python -m venv env
    env/bin/pip install tensorflow-cpu==2.21.0 tf_keras==2.21.0 transformers==4.57.6 flax==0.12.8 cramjam==2.14.0
    env/bin/python tests/data/make_tf_files.py

    bert.ckpt          the variables of Google's BERT with Adam slots and a counter, three shards
    partitioned.ckpt   variables in 3 and 4 parts, along the first and along the second dimension, and in a grid
    types.ckpt         one tensor of every dtype, scalars, empty ones, strings
    snappy.ckpt        partitioned.ckpt, the blocks of the index compressed (by the Snappy library)
    plain.ckpt         a few tensors, one shard
    objects.ckpt       a checkpoint of TensorFlow 2: names of objects, a graph of them in a string
    keras/             tf_model.h5 of transformers, BERT with both pre-training heads
    flax/              flax_model.msgpack of transformers, the same; chunked.msgpack, flax's form of a huge array

The elements follow the rule in tests/tf_weights.py.
"""

import os
import shutil
import struct
import sys
from pathlib import Path

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_USE_LEGACY_KERAS": "1", "CUDA_VISIBLE_DEVICES": ""}

import cramjam
import flax.serialization
import flax.traverse_util
import numpy as np
import tensorflow as tf
from transformers import BertConfig, FlaxBertForPreTraining, TFBertForPreTraining

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from support.tf_weights import HIDDEN, INNER, POSITIONS, VOCABULARY, google_shapes, weights  # noqa: E402

OUT = HERE / "tf_files"
CONFIG = BertConfig(
    vocab_size=VOCABULARY,
    hidden_size=HIDDEN,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=INNER,
    max_position_embeddings=POSITIONS,
)
v1 = tf.compat.v1


def bert() -> None:
    """As Google's run_pretraining.py leaves it, but saved from three devices."""
    variables = [(name, weights(name, shape)) for name, shape in google_shapes().items()]
    for name, array in list(variables):
        variables += [(f"{name}/{slot}", weights(f"{name}/{slot}", array.shape)) for slot in ("adam_m", "adam_v")]
    variables.append(("global_step", np.array(20, np.int64)))
    with tf.Graph().as_default(), v1.Session(config=v1.ConfigProto(device_count={"CPU": 3})) as session:
        for i, (name, array) in enumerate(variables):
            with tf.device(f"/cpu:{i % 3}"):
                v1.get_variable(name, initializer=tf.constant(array))
        session.run(v1.global_variables_initializer())
        v1.train.Saver(sharded=True).save(session, str(OUT / "bert.ckpt"), write_meta_graph=False, write_state=False)


def partitioned() -> None:
    with tf.Graph().as_default(), v1.Session() as session:
        for name, shape, parts, axis in (("rows", (10, 3), 3, 0), ("columns", (5, 9), 4, 1), ("whole", (4,), 1, 0)):
            array = tf.constant(weights(name, shape))

            def initializer(shape, dtype, partition_info, array=array):
                begin = partition_info.var_offset if partition_info else [0] * len(shape)
                return tf.slice(array, begin, shape)

            partitioner = v1.fixed_size_partitioner(parts, axis=axis)
            v1.get_variable(name, shape=shape, partitioner=partitioner, initializer=initializer, dtype=tf.float32)
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, str(OUT / "variables.ckpt"), write_meta_graph=False, write_state=False)
    # What no partitioner makes: a grid, a wide type, long numbers in the keys, a name that must be escaped.
    grid, long = weights("grid", (4, 6), "float64"), weights("lo\0ng", (9000,), "uint8")
    tf.raw_ops.SaveV2(
        prefix=str(OUT / "grid.ckpt"),
        tensor_names=["grid"] * 4 + ["lo\0ng"] * 3,
        shape_and_slices=["4 6 0,1:0,4", "4 6 0,1:4,2", "4 6 1,3:0,2", "4 6 1,3:2,4"]
        + ["9000 0,63", "9000 63,8191", "9000 8254,746"],
        tensors=[grid[:1, :4], grid[:1, 4:], grid[1:, :2], grid[1:, 2:], long[:63], long[63:8254], long[8254:]],
    )
    merge(["variables.ckpt", "grid.ckpt"], "partitioned.ckpt")


def merge(prefixes: list[str], into: str) -> None:
    """One bundle of several, each of which becomes a shard."""
    tf.raw_ops.MergeV2Checkpoints(
        checkpoint_prefixes=[str(OUT / prefix) for prefix in prefixes],
        destination_prefix=str(OUT / into),
        delete_old_dirs=False,
    )


def types() -> None:
    tensors = {"strings": tf.constant(["one", "", "three" * 50]), "complex": tf.constant([1 + 2j], tf.complex64)}
    for dtype in ("float16", "bfloat16", "float32", "float64", "bool"):
        tensors[dtype] = tf.cast(weights(dtype, (2, 3), dtype), dtype)
    for dtype in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"):
        tensors[dtype] = tf.constant(weights(dtype, (2, 3), dtype))
    tensors["scalar"] = tf.constant(weights("scalar", ()))
    tensors["empty"] = tf.zeros((3, 0, 2))
    tensors["naïve/名前"] = tf.constant(weights("naïve/名前", (2,)))
    special = [np.nan, np.inf, -np.inf, -0.0, 1e-40, 3.4e38]
    tensors["special"] = tf.constant(special)
    tensors["special_bfloat16"] = tf.cast(tensors["special"], tf.bfloat16)
    tf.raw_ops.SaveV2(
        prefix=str(OUT / "types.ckpt"),
        tensor_names=list(tensors),
        shape_and_slices=[""] * len(tensors),
        tensors=list(tensors.values()),
    )


def plain() -> None:
    names = {name: (i % 3, 2) for i, name in enumerate(sorted(f"layer_{i}/kernel" for i in range(40)))}
    tf.raw_ops.SaveV2(
        prefix=str(OUT / "plain.ckpt"),
        tensor_names=list(names),
        shape_and_slices=[""] * len(names),
        tensors=[tf.constant(weights(name, shape)) for name, shape in names.items()],
    )


def objects() -> None:
    """What tf.train.Checkpoint writes."""
    layer = tf.Module()
    layer.kernel = tf.Variable(weights("kernel", (2, 3)))
    tf.train.Checkpoint(layer=layer).write(str(OUT / "objects.ckpt"))


def snappy() -> None:
    """The index of partitioned.ckpt with its blocks compressed, and the same data."""
    data = (OUT / "partitioned.ckpt.index").read_bytes()
    sys.path.insert(0, str(HERE.parent.parent))
    from numpy_bert.checkpoints.formats.protobuf import varint_bytes
    from numpy_bert.checkpoints.formats.tensorflow import table as tf_table
    from numpy_bert.checkpoints.formats.tensorflow.crc32c import crc32c, masked
    from numpy_bert.files.reading import File

    out = bytearray()

    def add(contents: bytes) -> bytes:
        place = len(out)
        packed = bytes(cramjam.snappy.compress_raw(contents))
        out.extend(packed + b"\1" + struct.pack("<I", masked(crc32c(packed + b"\1"))))
        return varint_bytes(place) + varint_bytes(len(packed))

    with File(OUT / "partitioned.ckpt.index") as file:
        table = tf_table.Table(file)
        (handle_key, handle), *more = table.entries(table.index)
        assert not more, "one block holds all"
        contents = table.block(table.handle_in_index(handle))
    footer = add(contents)
    whole = bytearray()
    tf_table.add_block(whole, [(handle_key, footer)], 1)
    footer = add(struct.pack("<2I", 0, 1)) + add(bytes(whole[:-5]))
    (OUT / "snappy.ckpt.index").write_bytes(bytes(out) + footer.ljust(40, b"\0") + data[-8:])
    for shard in sorted(OUT.glob("partitioned.ckpt.data-*")):
        shutil.copy(shard, OUT / shard.name.replace("partitioned", "snappy"))
    assert len(tf.train.list_variables(str(OUT / "snappy.ckpt"))) == 5


def keras() -> None:
    model = TFBertForPreTraining(CONFIG)
    model(model.dummy_inputs)
    for variable in model.weights:
        variable.assign(weights(variable.name, tuple(variable.shape)))
    model.save_pretrained(OUT / "keras")


def flax_files() -> None:
    model = FlaxBertForPreTraining(CONFIG)
    flat = flax.traverse_util.flatten_dict(model.params, sep="/")
    model.params = flax.traverse_util.unflatten_dict(
        {name: weights(name, array.shape) for name, array in flat.items()}, sep="/"
    )
    model.save_pretrained(OUT / "flax")
    flax.serialization.MAX_CHUNK_SIZE = 64
    tree = {
        "chunked": weights("chunked", (5, 7)),
        "bfloat16": np.asarray(weights("bfloat16", (2, 3), "bfloat16"), dtype="bfloat16"),
        "scalar": np.float32(weights("scalar", ())),
        "step": 20,
        "empty": np.zeros((0, 3), np.float32),
        "nested": {"int8": weights("int8", (3,), "int8"), "none": None},
    }
    (OUT / "flax" / "chunked.msgpack").write_bytes(flax.serialization.msgpack_serialize(tree))


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    for make in (bert, partitioned, types, plain, objects, snappy, keras, flax_files):
        make()
    for left in [*OUT.glob("variables.ckpt*"), *OUT.glob("grid.ckpt*")]:
        left.unlink()
    for path in sorted(OUT.rglob("*")):
        if path.is_file():
            print(f"{path.stat().st_size:8} {path.relative_to(OUT)}")


if __name__ == "__main__":
    main()
