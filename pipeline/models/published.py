"""What the authors of the large models publish about running them, where it is more than a number.

`catalog.py` refers to it. Each value is written as in its source, which is named beside it.
"""

from __future__ import annotations

from pipeline.geometry import Size
from pipeline.models.spec import Task, TaskDefaults

# Wan2.2 and Wan2.1, wan/configs/shared_config.py: `sample_neg_prompt`. SkyReels-V2 has the same
# text in generate_video_df.py, Wan2.2-Lightning in its own copy of that configuration.
WAN_NEGATIVE_PROMPT = (
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，低质量，"
    "JPEG压缩残留，丑陋的，残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，毁容的，"
    "形态畸形的肢体，手指融合，静止不动的画面，杂乱的背景，三条腿，背景人很多，倒着走"
)
# Helios, infer_helios.py: `--negative_prompt`.
HELIOS_NEGATIVE_PROMPT = (
    "Bright tones, overexposed, static, blurred details, subtitles, style, works, paintings, "
    "images, static, overall gray, worst quality, low quality, JPEG compression residue, ugly, "
    "incomplete, extra fingers, poorly drawn hands, poorly drawn faces, deformed, disfigured, "
    "misshapen limbs, fused fingers, still picture, messy background, three legs, many people in "
    "the background, walking backwards"
)
# Kandinsky-5, kandinsky/t2v_pipeline.py and i2v_pipeline.py: `negative_caption`.
KANDINSKY_NEGATIVE_PROMPT = (
    "Static, 2D cartoon, cartoon, 2d animation, paintings, images, worst quality, low quality, "
    "ugly, deformed, walking backwards"
)
# LTX-Video, ltx_video/inference.py: `negative_prompt`.
LTX_NEGATIVE_PROMPT = "worst quality, inconsistent motion, blurry, jittery, distorted"
# diffusers, pipelines/ltx2/utils.py: `DEFAULT_NEGATIVE_PROMPT`, which is that of Lightricks/LTX-2
# before 2.5 (ltx_pipelines/utils/constants.py).
LTX2_NEGATIVE_PROMPT = (
    "blurry, out of focus, overexposed, underexposed, low contrast, washed out colors, excessive "
    "noise, grainy texture, poor lighting, flickering, motion blur, distorted proportions, "
    "unnatural skin tones, deformed facial features, asymmetrical face, missing facial features, "
    "extra limbs, disfigured hands, wrong hand count, artifacts around text, inconsistent "
    "perspective, camera shake, incorrect depth of field, background too sharp, background "
    "clutter, distracting reflections, harsh shadows, inconsistent lighting direction, color "
    "banding, cartoonish rendering, 3D CGI look, unrealistic materials, uncanny valley effect, "
    "incorrect ethnicity, wrong gender, exaggerated expressions, wrong gaze direction, mismatched "
    "lip sync, silent or muted audio, distorted voice, robotic voice, echo, background noise, "
    "off-sync audio, incorrect dialogue, added dialogue, repetitive speech, jittery movement, "
    "awkward pauses, incorrect timing, unnatural transitions, inconsistent framing, tilted "
    "camera, flat lighting, inconsistent tone, cinematic oversaturation, stylized filters, or AI "
    "artifacts."
)
# Lightricks/LTX-2 400fd31, the version for 2.5: the same words, after these.
LTX2_5_NEGATIVE_PROMPT = (
    "has_subtitles, has_blurbox, transition from black, transition to black, speech_ending_short, "
    f"{LTX2_NEGATIVE_PROMPT}"
)
# diffusers, SanaVideoPipeline: its authors' example.
SANA_VIDEO_NEGATIVE_PROMPT = (
    "A chaotic sequence with misshapen, deformed limbs in heavy motion blur, sudden disappearance, "
    "jump cuts, jerky movements, rapid shot changes, frames out of sync, inconsistent character "
    "shapes, temporal artifacts, jitter, and ghosting effects, creating a disorienting visual "
    "experience."
)

# Wan2.1, generate.py: of its models from text only, which are called like Wan 2.2's.
WAN_2_1_SHIFT = 5.0

# Wan2.2 and Wan2.1, wan/configs/__init__.py: `SUPPORTED_SIZES`, of which the small ones where there
# are two. From a picture or clip they take any shape of the same area (`max_area`).
WAN_480P_SIZES = {"16:9": Size(832, 480), "9:16": Size(480, 832)}
WAN_5B_SIZES = {"16:9": Size(1280, 704), "9:16": Size(704, 1280)}
# SkyReels-V2, generate_video_df.py: 540P, upright for an upright picture.
SKYREELS_SIZES = {"16:9": Size(960, 544), "9:16": Size(544, 960)}
# Kandinsky-5, kandinsky/t2v_pipeline.py: `RESOLUTIONS[512]`; others are refused there. Each stands
# for the aspect ratios to which it is nearest, but for 21:9, of which nothing would be left.
KANDINSKY_SIZES = {
    "16:9": Size(768, 512),
    "9:16": Size(512, 768),
    "1:1": Size(512, 512),
    "4:3": Size(768, 512),
    "3:4": Size(512, 768),
}
# diffusers, Kandinsky 6 documentation, and the same upright.
KANDINSKY_6_SIZES = {"16:9": Size(864, 480), "9:16": Size(480, 864)}
# diffusers, SanaVideoPipeline: those of `ASPECT_RATIO_480_BIN` that have sides of which it can make
# tokens, and are near an aspect ratio of the menu.
SANA_VIDEO_SIZES = {"16:9": Size(832, 480), "9:16": Size(480, 832)}
# Helios, infer_helios.py and app.py, where it cannot be changed; its training data has that size,
# a half and a quarter of it (helios/dataset).
HELIOS_SIZES = {"16:9": Size(640, 384)}

# SkyReels-V2, README: shift "8.0 for T2V, 5.0 for I2V", guidance "6.0 for T2V, 5.0 for I2V". The
# command that extends a clip there changes neither.
SKYREELS_TASK_DEFAULTS: dict[Task, TaskDefaults] = {
    "image_to_video": {"shift": 5.0, "guidance_scale": 5.0}
}
