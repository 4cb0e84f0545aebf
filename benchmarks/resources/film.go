package resources

import (
	"fmt"
	"os/exec"
)

// FilmSeconds is the length of the film.
const FilmSeconds = 10

// film writes the film of video: ffmpeg's own moving test picture, 3 MB.
func film(path string) error {
	source := fmt.Sprintf("testsrc2=size=1280x720:rate=25:duration=%d", FilmSeconds)
	out, err := exec.Command("ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y",
		"-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", "-threads", "1", "-fflags", "+bitexact", "-flags", "+bitexact", path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ffmpeg: %w: %s", err, out)
	}
	return nil
}
